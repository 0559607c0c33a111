"""Finding files: where they lie, whether they may be read, which was meant."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from harness.errors import HarnessError


def below(root: Path, path: Path | str) -> Path:
    """`path` below `root` as people write it: `income.onnx`, not `suites/../income.onnx`."""
    full = root / path
    short = Path(os.path.normpath(full))
    # Behind a link, one step up is somewhere else than the name says.
    return short if short.resolve() == full.resolve() else full


def meant(path: Path) -> str:
    """What to say when there is no file `path`: the neighbour of the nearest name, or from where paths are counted."""
    try:
        names = [child.name for child in path.parent.iterdir()]
    except OSError:
        names = []
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else "paths are relative to the suite file"


def is_readable(path: Path, kind: type[HarnessError]) -> bool:
    """Whether `path` is a file; an error of the given kind when the system keeps it, or its folder, from whoever runs this."""
    try:
        if not path.is_file():
            return False
    except OSError as error:
        raise kind(f"{path} cannot be looked at: {error.strerror or error}; make its folder readable for whoever runs this") from error
    if not os.access(path, os.R_OK):
        raise kind(f"{path} may not be read; change its permissions, or run as somebody who may")
    return True

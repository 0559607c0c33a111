"""Finding files: where they lie, whether they may be read, which was meant."""

from __future__ import annotations

import difflib
import os
from importlib.util import find_spec
from pathlib import Path

from harness.errors import HarnessError, UsageError

PACKAGE = "package:"
"""`package:NAME/path` is a file that an installed Python package carries."""


def below(root: Path, path: Path | str) -> Path:
    """`path` below `root` as people write it: `income.onnx`, not `suites/../income.onnx`; `package:NAME/path` in that package.

    `UsageError` when there is no such package.
    """
    if str(path).startswith(PACKAGE):
        return _in_package(str(path))
    full = root / path
    short = Path(os.path.normpath(full))
    # Behind a link, one step up is somewhere else than the name says.
    return short if short.resolve() == full.resolve() else full


def _in_package(written: str) -> Path:
    name, _, rest = written.removeprefix(PACKAGE).partition("/")
    if not name.isidentifier() or not rest or ".." in Path(rest).parts:
        raise UsageError(f"{written}: expected package:NAME/path, such as package:my_models/model.safetensors")
    # Of a name without dots this looks for the package and runs none of its code.
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(f"{written}: no package {name} is installed here; install it, or name a file beside the suite")
    return Path(next(iter(spec.submodule_search_locations))) / rest


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

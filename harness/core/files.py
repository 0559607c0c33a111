"""Whether a file is there and may be read."""

from __future__ import annotations

import os
from pathlib import Path

from harness.errors import HarnessError


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

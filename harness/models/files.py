"""The files of models."""

from __future__ import annotations

from pathlib import Path

from harness.core.files import below, is_readable, meant
from harness.errors import ModelError


def existing(path: Path, root: Path, what: str) -> Path:
    """`path` below `root`; `ModelError` when there is no such file, it is empty or may not be read."""
    full = below(root, path)
    if is_readable(full, ModelError) and full.stat().st_size > 0:
        return full
    if not full.exists():
        raise ModelError(f"there is no {what} {full}; {meant(full)}")
    if not full.is_file():
        raise ModelError(f"{full} is not a file; expected a {what}")
    raise ModelError(f"{full} is empty; expected a {what}")

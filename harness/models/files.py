"""The files of models."""

from __future__ import annotations

from pathlib import Path

from harness.errors import ModelError


def existing(path: Path, root: Path, what: str) -> Path:
    """`path` below `root`; `ModelError` when there is no such file or it is empty."""
    full = root / path
    if not full.exists():
        raise ModelError(f"there is no {what} {full}; paths are relative to the suite file")
    if not full.is_file():
        raise ModelError(f"{full} is not a file; expected a {what}")
    if full.stat().st_size == 0:
        raise ModelError(f"{full} is empty; expected a {what}")
    return full

"""Writing report files: whole or not at all, in a folder named after the suite."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from harness.errors import StoreError

PARTIAL = "partial"
"""Folder inside a suite's own with the report of the last run of a part of it."""


def suite_folder(folder: Path, suite: str) -> Path:
    """Where a suite's report stands. A name that is no safe folder name gets one, with a hash that keeps it distinct."""
    safe = re.sub(r"[^\w.+-]+", "-", suite).strip(".-")[:80]
    if safe and safe == suite:
        return folder / suite
    return folder / f"{safe or 'suite'}-{hashlib.sha256(suite.encode('utf-8', 'replace')).hexdigest()[:8]}"


def report_folder(folder: Path, suite: str, *, partial: bool) -> Path:
    """Where a run's report of a suite goes: a run of a part of it leaves the report of the last full run alone."""
    return suite_folder(folder, suite) / PARTIAL if partial else suite_folder(folder, suite)


def write_atomically(path: Path, text: str) -> Path:
    """Write `text` to `path` through a temporary neighbour and a rename; `StoreError` when that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as file:
                file.write(text)
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"the report {path} cannot be written: {reason}; free some space there or choose another report folder") from error
    return path

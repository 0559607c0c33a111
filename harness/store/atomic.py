"""Files that are there whole or not at all, even after a kill or a power cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import StoreError

MAKING = ".making"
"""Suffix of a file that is being written; one that is left belongs to a process that died."""


@contextmanager
def store_errors(what: str, place: Path) -> Iterator[None]:
    """Turn a full disk or a read-only folder into a `StoreError` of one sentence."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot {what} {place}: {error.strerror or error}; "
            "free space (harness clean), or put the harness's folder where it can be written"
        ) from error


def write_file(path: Path, content: bytes) -> None:
    """Write `content` to `path` by way of a temporary file, fsync and rename; what could not be written is removed."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}{MAKING}")
    with store_errors("write evidence to", path.parent):
        try:
            with scratch.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(scratch, path)
        finally:
            scratch.unlink(missing_ok=True)
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; Windows has no such call."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

"""The Parquet copies of sources that are not Parquet files: made once, shared between processes, never half-written."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from harness.data.content import ContentHash
from harness.errors import StoreError


@dataclass(frozen=True)
class Copy:
    """A Parquet file and the hash of the rows in it. `disposable`: it was made from a source and can be made again."""

    path: Path
    content: str
    disposable: bool = False


class CopyFolder:
    """`<cache>/data/`: `<key>.parquet`, with the hash of its rows beside it in `<key>.json`."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "data"

    def get(self, key: str, make: Callable[[Path], None]) -> Copy:
        """The copy of that key, written by `make` when it is not there; `StoreError` when it cannot be written."""
        path = self._folder / f"{key}.parquet"
        found = _read(path)
        if found is not None:
            return found
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / f"{key}.lock"):
                return _read(path) or self._make(path, make)
        except OSError as error:
            raise StoreError(
                f"cannot write the data cache {self._folder}: {error.strerror or error}; "
                "free space (harness clean) or make the folder writable"
            ) from error

    def _make(self, path: Path, make: Callable[[Path], None]) -> Copy:
        for left in self._folder.glob(f"{path.stem}.*.making"):
            left.unlink()
        scratch = self._folder / f"{path.stem}.{os.getpid()}.making"
        try:
            make(scratch)
            copy = Copy(path, hash_rows(scratch), disposable=True)
            _write(path.with_suffix(".json"), json.dumps({"content": copy.content, "bytes": scratch.stat().st_size}))
            os.replace(scratch, path)
            return copy
        finally:
            scratch.unlink(missing_ok=True)


def hash_rows(path: Path) -> str:
    """The content hash of the rows of a Parquet file."""
    with pq.ParquetFile(path, memory_map=True) as file:
        content = ContentHash(file.schema_arrow)
        for batch in file.iter_batches(use_threads=False):
            content.update(batch)
    return content.hexdigest()


def _read(path: Path) -> Copy | None:
    """The copy if it is there and whole, as far as its size and its footer tell; pages are checked when they are read."""
    try:
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        content, size = str(facts["content"]), int(facts["bytes"])
        if path.stat().st_size != size:
            return None
        pq.read_metadata(path)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # clean goes by the last use; a read-only cache serves as well
    return Copy(path, content, disposable=True)


def _write(path: Path, text: str) -> None:
    scratch = path.with_name(f"{path.name}.{os.getpid()}.making")
    try:
        scratch.write_text(text, encoding="utf-8")
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)

"""Opening files that may be gzipped. The first two bytes decide, not the name."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from harness.errors import DataError


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The decompressed bytes of `path`; `DataError` when the compression is damaged or cut off."""
    try:
        with path.open("rb") as raw:
            if raw.read(2) != b"\x1f\x8b":
                raw.seek(0)
                yield raw
                return
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) as unpacked, io.BufferedReader(unpacked, 2**20) as buffered:
                yield buffered
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"its gzip compression is damaged or cut off ({error}); make the file anew") from error

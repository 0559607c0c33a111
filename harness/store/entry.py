"""Evidence in the making: chunks come in, parts go out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.errors import StoreError
from harness.ports.model import Chunk
from harness.store.atomic import write_file
from harness.store.folder import EvidenceFolder, content_digest
from harness.store.parts import Layout, encode, layout_of

PART_ROWS = 4_096
"""Rows from which on a part is written, unless rows come so fast that larger parts lose no more time."""

MOST_ROWS = 131_072
"""Rows at which a part is written at the latest."""

PART_BYTES = 32 * 2**20
"""Bytes of values at which a part is written at the latest."""

PART_SECONDS = 5.0
"""Seconds of gathering after which a part is written: what a kill can cost."""

SOON = 1.0
"""Seconds for which rows that come fast are collected into one part."""


@dataclass
class _Waiting:
    """Chunks that are not on disk yet."""

    chunks: list[Chunk] = field(default_factory=list)
    layout: Layout | None = None
    rows: int = 0
    size: int = 0


class FileEntry:
    """One piece of evidence, locked for writing by this process. `rows` counts what a later gathering need not repeat."""

    def __init__(self, folder: EvidenceFolder) -> None:
        self._folder = folder
        self._stored = folder.repair()
        self._complete = folder.complete_rows() is not None
        self._waiting = _Waiting()
        self._since = time.monotonic()

    @property
    def complete(self) -> bool:
        """Whether all of it is there."""
        return self._complete

    @property
    def rows(self) -> int:
        """Rows already there; gathering resumes there."""
        return self._stored + self._waiting.rows

    def append(self, chunk: Chunk) -> None:
        """Take the next chunk. It is on disk at the latest when five seconds' worth of rows have come, or on leaving."""
        if self._complete or chunk.start != self.rows:
            raise StoreError(f"rows {chunk.start:,} and on were to be stored, but rows up to {self.rows:,} are there")
        if not len(chunk.status):
            return
        layout = layout_of(chunk)
        if layout != self._waiting.layout:
            self.flush()
            self._waiting.layout = layout
        self._waiting.chunks.append(chunk)
        self._waiting.rows += len(chunk.status)
        self._waiting.size += chunk.values.nbytes
        if self._due():
            self.flush()

    def _due(self) -> bool:
        spent = time.monotonic() - self._since
        waiting = self._waiting
        return (
            waiting.rows >= MOST_ROWS
            or waiting.size >= PART_BYTES
            or spent >= PART_SECONDS
            or (waiting.rows >= PART_ROWS and spent >= SOON)
        )

    def flush(self) -> None:
        """Write what waits as one part; what cannot be written is given up, and a `StoreError` says why."""
        waiting, self._waiting = self._waiting, _Waiting()
        if waiting.chunks:
            content = encode(waiting.chunks)
            name = f"part-{self._stored:012d}-{waiting.rows}-{content_digest(content)}.parquet"
            write_file(self._folder.path / name, content)
            self._stored += waiting.rows
            self._since = time.monotonic()

    def finish(self, environment: Mapping[str, str]) -> None:
        """Mark it complete."""
        self.flush()
        self._folder.write_json("complete.json", {"rows": self._stored, "environment": dict(environment), "finished": time.time()})
        self._complete = True

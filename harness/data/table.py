"""Rows of a Parquet file: whole columns, streamed batches, single rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from harness.data.naming import unknown_column
from harness.data.writer import check_names
from harness.errors import DataError

Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)


class ParquetTable:
    """Opens the file anew for every reading, so that it can be shared between threads and leaves no handle behind."""

    def __init__(self, path: Path, *, disposable: bool = False) -> None:
        """Read the footer of `path`; `DataError` when it is not Parquet, has no rows, or two columns of one name.

        A `disposable` file can be made again: it is removed when a page of it turns out to be damaged.
        """
        self.path = path
        self._disposable = disposable
        try:
            with pq.ParquetFile(path) as file:
                self._metadata = file.metadata
                self.schema: pa.Schema = pa.schema([field.with_type(_plain(field.type)) for field in file.schema_arrow])
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise DataError(f"is not a Parquet file that can be read: {error}") from error
        check_names(self.schema.names)
        if not len(self):
            raise DataError("has no rows")

    def __len__(self) -> int:
        return int(self._metadata.num_rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """All column names."""
        return tuple(self.schema.names)

    def require(self, column: str) -> None:
        """`DataError` with the nearest name when there is no such column."""
        if column not in self.schema.names:
            raise DataError(unknown_column(column, self.schema.names))

    def column(self, name: str) -> pa.ChunkedArray:
        """One whole column."""
        self.require(name)
        with self._reading() as file:
            return self._cast(file.read(columns=[name], use_threads=True), [name]).column(0)

    def batches(self, columns: Sequence[str], size: int, start: int = 0) -> Iterator[pa.RecordBatch]:
        """Batches of at most `size` rows from row `start` on, the columns in the order asked for."""
        for name in columns:
            self.require(name)
        firsts = self._first_rows()
        groups = [index for index in range(len(firsts) - 1) if firsts[index + 1] > start]
        skip = start - firsts[groups[0]] if groups else 0
        with self._reading() as file:
            for batch in file.iter_batches(batch_size=size, row_groups=groups, columns=list(dict.fromkeys(columns)), use_threads=False):
                if skip >= batch.num_rows:
                    skip -= batch.num_rows
                    continue
                yield self._cast(batch.slice(skip), columns)
                skip = 0

    def take(self, rows: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
        """A few rows, in the order asked for, as Python values."""
        for name in columns:
            self.require(name)
        if not columns:
            return [{} for _ in rows]
        firsts = self._first_rows()
        found: dict[int, dict[str, Any]] = {}
        with self._reading() as file:
            for group, (first, end) in enumerate(pairwise(firsts)):
                inside = sorted({row for row in rows if first <= row < end})
                if inside:
                    table = self._cast(file.read_row_group(group, columns=list(columns)), columns)
                    found.update(zip(inside, table.take([row - first for row in inside]).to_pylist(), strict=True))
        return [found[row] for row in rows]

    def _cast(self, rows: Rows, columns: Sequence[str]) -> Rows:
        chosen = rows.select(list(columns))
        wanted = pa.schema([self.schema.field(name) for name in columns])
        return chosen if chosen.schema.equals(wanted) else chosen.cast(wanted)

    @contextmanager
    def _reading(self) -> Iterator[pq.ParquetFile]:
        try:
            with pq.ParquetFile(self.path, metadata=self._metadata, memory_map=True, page_checksum_verification=True) as file:
                yield file
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise DataError(self._damaged(error)) from error

    def _damaged(self, error: Exception) -> str:
        if not self._disposable:
            return f"{self.path} is damaged ({error}); make it anew"
        with suppress(OSError):
            self.path.unlink()
        return f"the copy of its rows in {self.path} is damaged ({error}) and was removed; run again, and it is made anew"

    def _first_rows(self) -> list[int]:
        sizes = (self._metadata.row_group(index).num_rows for index in range(self._metadata.num_row_groups))
        return list(accumulate(sizes, initial=0))


def _plain(kind: pa.DataType) -> pa.DataType:
    """Views of texts, which polars likes and few functions know, are read as texts."""
    return pa.string() if pt.is_string_view(kind) else kind

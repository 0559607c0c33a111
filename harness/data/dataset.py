"""One opened data set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.arrays.segmentation import Segmentation
from harness.arrays.targets import Targets
from harness.core.models import OutputSpec
from harness.core.suite import DataSpec
from harness.data.coding import encode
from harness.data.ids import read_ids
from harness.data.naming import name_rows
from harness.data.segmenting import Segmenter, segment_columns
from harness.data.table import ParquetTable
from harness.data.targets import read_targets
from harness.errors import DataError


class ParquetDataset:
    """A data set over a Parquet file. Its columns and ids are checked when it is made; `source` is what messages call it."""

    def __init__(
        self, spec: DataSpec, table: ParquetTable, content: str, root: Path, source: str, edges: Mapping[str, tuple[float, ...]]
    ) -> None:
        self._spec = spec
        self._table = table
        self._content = content
        self._root = root
        self._source = source
        self._edges = edges
        self._targets: dict[OutputSpec, Targets] = {}
        with self._named():
            check_columns(spec, table)
            self._ids = read_ids(table, spec.id)

    @property
    def name(self) -> str:
        """Its name in the suite."""
        return self._spec.name

    @property
    def fingerprint(self) -> str:
        """Content hash of the rows and of which column is the id."""
        return hashlib.sha256(f"{self._content}\0id\0{self._spec.id or ''}".encode()).hexdigest()

    @property
    def id_column(self) -> str | None:
        """The column that holds the ids; None when none is declared."""
        return self._spec.id

    @property
    def target_column(self) -> str | None:
        """The column of the true answers; None when none is declared."""
        return self._spec.target

    @property
    def columns(self) -> tuple[str, ...]:
        """All column names."""
        return self._table.columns

    def __len__(self) -> int:
        return len(self._table)

    def ids(self) -> pa.Array:
        """(n,) string ids, unique and without gaps."""
        return self._ids

    def column(self, name: str) -> pa.ChunkedArray:
        """One whole column."""
        with self._named():
            return self._table.column(name)

    def targets(self, output: OutputSpec) -> Targets:
        """The true answers, encoded for the task and labels of `output`."""
        if output not in self._targets:
            with self._named():
                if self._spec.target is None:
                    raise DataError("declares no target; add target: with the column of the true answers")
                self._targets[output] = read_targets(self._table, self._spec.target, output)
        return self._targets[output]

    def segmentations(self) -> tuple[Segmentation, ...]:
        """Every declared segmentation, in the order of the suite."""
        return self._segmentations

    @cached_property
    def _segmentations(self) -> tuple[Segmentation, ...]:
        with self._named():
            return Segmenter(self._table, self._spec.segments, self._root, self._edges).all()

    def clusters(self) -> NDArray[np.int32] | None:
        """(n,) cluster codes when `cluster_by` is declared."""
        if self._spec.cluster_by is None:
            return None
        with self._named():
            coded = encode(self._spec.cluster_by, self._table.column(self._spec.cluster_by))
            missing = np.flatnonzero(coded.missing)
            if len(missing):
                raise DataError(
                    f"the cluster_by column {coded.column!r} is empty in {name_rows(missing)}; say which cluster they belong to"
                )
        return coded.codes

    def batches(self, columns: Sequence[str], size: int, start: int = 0) -> Iterator[pa.RecordBatch]:
        """Batches of at most `size` rows from row `start` on, streamed."""
        with self._named():
            yield from self._table.batches(columns, size, start)

    def take(self, rows: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
        """A few rows as Python values, for reports."""
        with self._named():
            return self._table.take(rows, columns)

    @contextmanager
    def _named(self) -> Iterator[None]:
        with naming(self._spec, self._source):
            yield


@contextmanager
def naming(spec: DataSpec, source: str) -> Iterator[None]:
    """Put the name of the data set and of its source in front of every `DataError`."""
    try:
        yield
    except DataError as error:
        raise DataError(f"data {spec.name!r} ({source}): {error}") from error.__cause__


def check_columns(spec: DataSpec, table: ParquetTable) -> None:
    """`DataError` for the first declared column that is not there."""
    declared = [("id", spec.id), ("target", spec.target), ("cluster_by", spec.cluster_by)]
    declared += [("segments", column) for column in segment_columns(spec.segments)]
    for where, column in declared:
        if column is not None:
            try:
                table.require(column)
            except DataError as error:
                raise DataError(f"{where}: {error}") from None

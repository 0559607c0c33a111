"""What a data set has to offer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.arrays.segmentation import Segmentation
from harness.arrays.targets import Targets
from harness.core.models import OutputSpec
from harness.core.segment import Segment
from harness.core.suite import DataSpec


class Dataset(Protocol):
    """One opened data set: rows with stable ids, in a fixed order. All faults are `DataError`s that name rows.

    Column types are whatever the source has (csv: strings, only an empty field is missing).
    Multi-dimensional columns (npz) are `fixed_shape_tensor` arrays.
    """

    @property
    def name(self) -> str:
        """Its name in the suite."""

    @property
    def fingerprint(self) -> str:
        """Content hash of the rows and of which column is the id."""

    @property
    def id_column(self) -> str | None:
        """The column that holds the ids; None when none is declared (then `ids` are `row-1`, `row-2`…)."""

    @property
    def target_column(self) -> str | None:
        """The column of the true answers; None when none is declared."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All column names."""

    def __len__(self) -> int:
        """Number of examples."""

    def ids(self) -> pa.Array:
        """(n,) string ids, unique and without gaps."""

    def column(self, name: str) -> pa.ChunkedArray:
        """One whole column."""

    def targets(self, output: OutputSpec) -> Targets:
        """The true answers, encoded for the task and labels of `output`."""

    def segmentations(self) -> tuple[Segmentation, ...]:
        """Every declared segmentation, in the order of the suite."""

    def clusters(self) -> NDArray[np.int32] | None:
        """(n,) cluster codes when `cluster_by` is declared."""

    def batches(self, columns: Sequence[str], size: int, start: int = 0) -> Iterator[pa.RecordBatch]:
        """Batches of at most `size` rows from row `start` on, streamed."""

    def take(self, rows: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
        """A few rows as Python values, for reports."""


@dataclass(frozen=True)
class SegmentSizes:
    """The segments of one segmentation and how many examples each holds, without who they are."""

    name: str
    segments: tuple[Segment, ...]
    sizes: tuple[int, ...]
    edges: tuple[float, ...] | None = None


@dataclass(frozen=True)
class DataIndex:
    """What collection has to know of a data set: its number of examples and its segments, in the order of the suite.

    `clusters` is how many values the `cluster_by` column has, None when none is declared.
    """

    rows: int
    segmentations: tuple[SegmentSizes, ...]
    clusters: int | None = None


class DataOpener(Protocol):
    """Opens the data sets a suite describes.

    `edges` are the edges of quantile bins by segmentation, as a baseline froze them; bins with edges of their own keep them.
    """

    def open(self, spec: DataSpec, root: Path, *, edges: Mapping[str, tuple[float, ...]] | None = None) -> Dataset:
        """The data set, its columns and ids checked; `DataError` with one sentence for anything wrong."""

    def index(self, spec: DataSpec, root: Path, *, edges: Mapping[str, tuple[float, ...]] | None = None) -> DataIndex:
        """The same data set's size and segments, read from its segment columns alone and remembered on disk."""


class SourceAdapter(Protocol):
    """One kind of data source; third parties register one by the entry point group `harness.sources`.

    `materialise` writes the rows once to a Parquet file at `path`. It is called again only when `identity`, the
    parameters, or the sources of `modules` have changed.
    """

    def modules(self, parameters: Any) -> tuple[str, ...]:
        """`module:function` entry points of the suite's tree it calls; their sources are part of its identity."""

    def identity(self, parameters: Any, root: Path) -> Mapping[str, str]:
        """Whatever else decides its rows: versions of libraries, hashes of files."""

    def materialise(self, parameters: Any, root: Path, path: Path) -> None:
        """Write all rows to `path` as Parquet; `DataError` with one sentence when they cannot be had."""

"""What a data set has to offer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.arrays.segmentation import Segmentation
from harness.arrays.targets import Targets
from harness.core.models import OutputSpec


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


class SourceAdapter(Protocol):
    """One kind of data source that is not a file (`sklearn`, `python`, `hf`); third parties: entry point group `harness.sources`.

    `materialise` writes the rows once to a Parquet file at `path`; the harness calls it only when that file is missing.
    """

    def modules(self, parameters: Any) -> tuple[str, ...]:
        """`module:function` entry points of the suite's tree it calls; their sources are part of its identity."""

    def materialise(self, parameters: Any, root: Path, path: Path) -> None:
        """Write all rows to `path` as Parquet."""

"""What the tests of data sets share."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.arrays.segmentation import Segmentation
from harness.catalogue import Kinds, Parameters
from harness.core.models import OutputSpec, OutputType, Task
from harness.core.segment import SegmentationSpec
from harness.core.suite import DataSpec
from harness.data.builtin import SOURCES
from harness.data.dataset import ParquetDataset
from harness.data.opener import DataOpener
from harness.data.parameters import FileParameters
from harness.data.segmenting import Segmenter
from harness.data.table import ParquetTable
from harness.ports.data import SourceAdapter


def sources() -> Kinds[SourceAdapter]:
    kinds: Kinds[SourceAdapter] = Kinds("data source")
    for kind in SOURCES:
        kinds.register(kind)
    return kinds


def opener(root: Path) -> DataOpener:
    return DataOpener(sources(), root / ".harness")


def spec(
    parameters: Parameters | str,
    kind: str = "file",
    *,
    id: str | None = "id",
    target: str | None = None,
    segments: Sequence[SegmentationSpec] = (),
    cluster_by: str | None = None,
) -> DataSpec:
    made = FileParameters(path=parameters) if isinstance(parameters, str) else parameters
    return DataSpec("test", kind, made, id, target, tuple(segments), cluster_by=cluster_by)


def write(path: Path, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def open_file(root: Path, name: str, content: str | bytes, **settings: Any) -> ParquetDataset:
    """Write `content` to `name` and open it."""
    write(root / name, content)
    return opener(root).open(spec(name, **settings), root)


def rows(dataset: ParquetDataset, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    return dataset.take(range(len(dataset)), columns or dataset.columns)


def table(root: Path, columns: Mapping[str, Any]) -> ParquetTable:
    """A Parquet table of three-row groups, so that every reading crosses groups."""
    path = root / "table.parquet"
    pq.write_table(pa.table(dict(columns)), path, row_group_size=3)
    return ParquetTable(path)


def segment(
    root: Path, columns: Mapping[str, Any], *specs: SegmentationSpec, edges: Mapping[str, tuple[float, ...]] | None = None
) -> list[Segmentation]:
    return list(Segmenter(table(root, columns), specs, root, edges or {}).all())


def by_value(found: Segmentation) -> list[str | None]:
    """The value of every row's segment, None outside."""
    return [None if code < 0 else found.segments[code].label.split(":", 1)[1] for code in found.codes]


def output(task: Task, **settings: Any) -> OutputSpec:
    return OutputSpec(OutputType.LABEL, task, **settings)

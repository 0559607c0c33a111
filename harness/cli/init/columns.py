"""What can be seen of a data file: its columns, their types, how many values they take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness import wiring
from harness.core.suite import DataSpec
from harness.errors import UsageError
from harness.wiring.sessions import tools

Sort = Literal["number", "text", "tensor", "other"]

FEW = 1_000
"""Distinct values up to which they are kept."""


@dataclass(frozen=True)
class Column:
    """One column. `values` are its distinct values as text, numbers by size, () when there are more than `FEW`; `counts` their examples.

    `whole` says that every value is an integer; `smallest` is the size of its rarest value, `characters` the mean length of a text,
    `spread` and `deviation` the range and standard deviation of a number, `shape` that of one row of a tensor.
    """

    name: str
    sort: Sort
    distinct: int = 0
    missing: int = 0
    unique: bool = False
    whole: bool = False
    values: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    smallest: int = 0
    characters: float = 0.0
    spread: float = 0.0
    deviation: float = 0.0
    shape: tuple[int, ...] = ()

    @property
    def plain_name(self) -> str:
        """Its name in lower case, anything but letters and digits as underscores."""
        return "".join(letter if letter.isalnum() else "_" for letter in self.name.lower())


@dataclass(frozen=True)
class Data:
    """A data file."""

    path: Path
    rows: int
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All column names, in file order."""
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def look_at_data(path: Path, project: wiring.Project) -> Data:
    """Every column of the file; `DataError` or `UsageError` when it cannot be read."""
    if not path.is_file():
        raise UsageError(f"there is no data file {path}")
    parameters = wiring.registers().sources.get("file").parameters.model_validate({"path": str(path.resolve())})
    dataset = tools(project).data.open(DataSpec("data", "file", parameters, None, None), Path.cwd())
    return Data(path, len(dataset), tuple(_look(name, dataset.column(name)) for name in dataset.columns))


def _look(name: str, column: pa.ChunkedArray) -> Column:
    if isinstance(column.type, pa.FixedShapeTensorType):
        return Column(name, "tensor", shape=tuple(column.type.shape))
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not _is_scalar(column.type):
        return Column(name, "other")
    counts = pc.value_counts(column.drop_null())
    distinct, missing = len(counts), column.null_count
    numbers = _numbers(column)
    common: dict[str, Any] = {
        "distinct": distinct,
        "missing": missing,
        "unique": missing == 0 and distinct == len(column),
        "smallest": int(pc.min(counts.field("counts")).as_py() or 0),
    }
    sizes: dict[str, int] = {}
    for value, size in zip(*(counts.field(name).to_pylist() for name in ("values", "counts")), strict=True) if distinct <= FEW else ():
        sizes[str(value)] = size
    if numbers is None:
        lengths = pc.utf8_length(column.cast(pa.large_string()))
        return Column(name, "text", **_counted(sizes, sorted(sizes)), characters=float(pc.mean(lengths).as_py() or 0), **common)
    finite = numbers[np.isfinite(numbers)]
    return Column(
        name,
        "number",
        whole=bool(len(finite) and (finite == np.round(finite)).all()),
        **_counted(sizes, sorted(sizes, key=float)),
        spread=float(np.ptp(finite)) if len(finite) else 0.0,
        deviation=float(finite.std()) if len(finite) else 0.0,
        **common,
    )


def _counted(sizes: dict[str, int], order: list[str]) -> dict[str, Any]:
    return {"values": tuple(order), "counts": tuple(sizes[value] for value in order)}


def _is_scalar(kind: pa.DataType) -> bool:
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return bool(text or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind))


def _numbers(column: pa.ChunkedArray) -> np.ndarray | None:
    """The values as float64, None when they are not all numbers (csv holds text)."""
    if pa.types.is_boolean(column.type) or pa.types.is_null(column.type):
        return None
    try:
        present = column.drop_null()
        if not pa.types.is_integer(column.type) and not pa.types.is_floating(column.type):
            present = pc.utf8_trim_whitespace(present.cast(pa.large_string()))
        cast = present.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    return np.asarray(cast.to_numpy()) if len(cast) else None

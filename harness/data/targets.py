"""The target column, encoded for the task."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.arrays.targets import Targets
from harness.core.models import OutputSpec, Task
from harness.data.coding import Coded, encode, text_order
from harness.data.naming import SHOWN, name_rows, name_values
from harness.data.table import ParquetTable
from harness.data.token_targets import token_targets
from harness.data.writer import is_list
from harness.errors import DataError

BETWEEN = "|"
"""What separates the labels of one row in a text column of a multilabel task."""


def read_targets(table: ParquetTable, column: str, output: OutputSpec) -> Targets:
    """The targets in `column` as `arrays.Targets` describes them; `DataError` naming the rows that do not fit."""
    match output.task:
        case Task.MULTICLASS:
            return _multiclass(table, column, output)
        case Task.BINARY:
            return _binary(table, column, output)
        case Task.MULTILABEL:
            return _multilabel(table, column, output)
        case Task.REGRESSION:
            return Targets(Task.REGRESSION, _numbers(table, column))
        case Task.RANKING:
            return _ranking(table, column, output)
        case Task.TOKENS:
            return token_targets(table, column, output.ignore_index)


def _multiclass(table: ParquetTable, column: str, output: OutputSpec) -> Targets:
    coded = _complete(encode(column, table.column(column)))
    labels = output.labels or _sorted(coded.texts)
    return Targets(Task.MULTICLASS, _indices(coded, labels), labels)


def _binary(table: ParquetTable, column: str, output: OutputSpec) -> Targets:
    coded = _complete(encode(column, table.column(column)))
    labels = _negative_positive(coded, output)
    return Targets(Task.BINARY, _indices(coded, labels), labels)


def _negative_positive(coded: Coded, output: OutputSpec) -> tuple[str, str]:
    positive = output.positive
    if positive is None:
        raise DataError("a binary task needs positive:, the label that counts as found")
    known = output.labels or _sorted(coded.texts)
    others = [label for label in known if label != positive]
    if positive not in known:
        raise DataError(f"the positive label {positive!r} does not occur in column {coded.column!r}, which holds {name_values(known)}")
    if not others:
        raise DataError(
            f"column {coded.column!r} holds only the positive label {positive!r}; "
            "say what the other is called with labels: in output, or add negative examples"
        )
    if len(others) > 1:
        rows = coded.rows_of(np.array([position for position, text in enumerate(coded.texts) if text in others[1:]], dtype=np.int64))
        where = f" ({name_rows(rows)})" if len(rows) else ""
        raise DataError(f"a binary task has two labels, but column {coded.column!r} has {len(known)}: {name_values(known)}{where}")
    return others[0], positive


def _multilabel(table: ParquetTable, column: str, output: OutputSpec) -> Targets:
    kind = table.schema.field(column).type
    if isinstance(kind, pa.FixedShapeTensorType):
        return _indicators(table, column, output)
    coded, parents = _label_lists(table.column(column), column) if is_list(kind) else _split_texts(table.column(column), column)
    labels = output.labels or _sorted(coded.texts)
    values = np.zeros((len(table), len(labels)), dtype=bool)
    values[parents, _indices(coded, labels, parents)] = True
    return Targets(Task.MULTILABEL, values, labels)


def _label_lists(column: pa.ChunkedArray, name: str) -> tuple[Coded, NDArray[np.int64]]:
    """All labels of all rows one after the other, and the row each belongs to."""
    _refuse_missing(np.flatnonzero(column.is_null().to_numpy()), name)
    lengths = pc.list_value_length(column).to_numpy().astype(np.int64)
    coded = encode(name, pa.chunked_array([pc.list_flatten(chunk) for chunk in column.chunks]))
    parents = np.repeat(np.arange(len(column)), lengths)
    _refuse_missing(parents[coded.missing], name)
    return coded, parents


def _split_texts(column: pa.ChunkedArray, name: str) -> tuple[Coded, NDArray[np.int64]]:
    """The same for texts such as `red|blue`; an empty field has no labels."""
    whole = encode(name, column)
    texts = pa.array([whole.texts[code] if code >= 0 else None for code in whole.codes], pa.string())
    pieces = pc.fill_null(pc.split_pattern(texts, BETWEEN), [])
    return _label_lists(pa.chunked_array([pieces]), name)


def _indicators(table: ParquetTable, column: str, output: OutputSpec) -> Targets:
    flags = np.concatenate([chunk.to_numpy_ndarray() for chunk in table.column(column).chunks])
    flags = flags.reshape(len(table), -1)
    labels = output.labels or tuple(str(index) for index in range(flags.shape[1]))
    if flags.shape[1] != len(labels):
        raise DataError(f"column {column!r} has {flags.shape[1]} flags in each row, and there are {len(labels)} labels")
    odd = np.flatnonzero(~np.isin(flags, (0, 1)).all(axis=1))
    if len(odd):
        raise DataError(f"column {column!r} must hold flags 0 and 1, but {name_rows(odd)} do not")
    return Targets(Task.MULTILABEL, flags.astype(bool), labels)


def _ranking(table: ParquetTable, column: str, output: OutputSpec) -> Targets:
    if output.group is None:
        raise DataError("a ranking task needs group:, the column that says which rows belong to one query")
    groups = _complete(encode(output.group, table.column(output.group)), what="group")
    return Targets(Task.RANKING, _numbers(table, column), groups=groups.codes)


def _numbers(table: ParquetTable, column: str) -> NDArray[np.float64]:
    coded = _complete(encode(column, table.column(column)))
    return coded.spread(coded.numbers, np.nan).astype(np.float64)


def _sorted(texts: list[str]) -> tuple[str, ...]:
    return tuple(texts[position] for position in text_order(texts))


def _complete(coded: Coded, what: str = "target") -> Coded:
    _refuse_missing(np.flatnonzero(coded.missing), coded.column, what)
    return coded


def _refuse_missing(rows: NDArray[np.int64], column: str, what: str = "target") -> None:
    if len(rows):
        unique = np.unique(rows)
        raise DataError(f"the {what} column {column!r} is empty in {name_rows(unique)}; fill it or leave these rows out")


def _indices(coded: Coded, labels: tuple[str, ...], parents: NDArray[np.int64] | None = None) -> NDArray[np.int32]:
    """(n,) position of each value among `labels`; `parents` are the rows to name when values are not rows themselves."""
    position = {label: index for index, label in enumerate(labels)}
    found = np.array([position.get(text, -1) for text in coded.texts], dtype=np.int32)
    strange = np.flatnonzero(found < 0)
    if len(strange):
        rows = coded.rows_of(strange)
        rows = rows if parents is None else np.unique(parents[rows])
        values = name_values([coded.texts[index] for index in strange])
        known = f"{name_values(labels[:SHOWN])}{' …' if len(labels) > SHOWN else ''}"
        raise DataError(
            f"column {coded.column!r} holds {values} in {name_rows(rows)}, not among the {len(labels)} labels of the output: {known}"
        )
    return found[coded.codes]

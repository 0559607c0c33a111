"""Targets that are a sequence of token ids per row."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from harness.arrays.targets import Targets
from harness.core.models import Task
from harness.data.naming import name_rows, name_values
from harness.data.table import ParquetTable
from harness.data.writer import is_list
from harness.errors import DataError

_TOKENS = re.compile(r"\s*(-?\d{1,18}\s+)*(-?\d{1,18})?\s*", re.ASCII)


def token_targets(table: ParquetTable, column: str, ignore_index: int | None) -> Targets:
    """Lists of whole numbers, or texts of whole numbers between blanks, as one flat array with offsets."""
    kind = table.schema.field(column).type
    chunks = _lists(table.column(column), column)
    if not all(is_list(chunk.type) for chunk in chunks):
        raise DataError(f"column {column!r} holds {kind}; a tokens task needs a list of token ids in each row")
    lengths = np.concatenate([pc.list_value_length(chunk).fill_null(-1).to_numpy(zero_copy_only=False) for chunk in chunks])
    empty = np.flatnonzero(lengths < 0)
    if len(empty):
        raise DataError(f"the target column {column!r} is empty in {name_rows(empty)}; fill it or leave these rows out")
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
    values = np.concatenate([_whole(pc.list_flatten(chunk), column) for chunk in chunks])
    return Targets(Task.TOKENS, values, offsets=offsets, ignore_index=ignore_index)


def _lists(values: pa.ChunkedArray, column: str) -> list[pa.Array]:
    if isinstance(values.type, pa.BaseExtensionType):
        return [chunk.storage for chunk in values.chunks]
    if not (pt.is_string(values.type) or pt.is_large_string(values.type)):
        return list(values.chunks)
    texts = values.to_pylist()
    wrong = np.array([row for row, text in enumerate(texts) if text and not _TOKENS.fullmatch(text)], dtype=np.int64)
    if len(wrong):
        shown = name_values([texts[wrong[0]]])
        raise DataError(f"column {column!r} must hold whole numbers between blanks, but {name_rows(wrong)} hold others: {shown}")
    return [pa.array([[int(token) for token in text.split()] if text else None for text in texts], pa.list_(pa.int64()))]


def _whole(values: pa.Array, column: str) -> NDArray[np.int32]:
    if not pt.is_integer(values.type) or values.null_count:
        raise DataError(f"column {column!r} must hold whole numbers without gaps, and holds {values.type}")
    try:
        ids: NDArray[np.int32] = values.cast(pa.int32()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid as error:
        raise DataError(f"column {column!r} holds a token id beyond 32 bits: {error}") from error
    return ids

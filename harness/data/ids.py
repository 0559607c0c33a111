"""Ids of examples: text, unique, none missing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from harness.data.coding import encode
from harness.data.naming import SHOWN, name_rows, name_values
from harness.data.table import ParquetTable
from harness.errors import DataError


def read_ids(table: ParquetTable, column: str | None) -> pa.Array:
    """(n,) ids as text; `row-1`, `row-2`… when no column is declared. `DataError` naming rows without one, or with another's."""
    if column is None:
        return pa.array([f"row-{number}" for number in range(1, len(table) + 1)], pa.string())
    values = table.column(column)
    if pt.is_string(values.type):
        texts = values.combine_chunks()
        coded = texts.dictionary_encode()
        if not texts.null_count and len(coded.dictionary) == len(texts) and not pc.any(pc.equal(coded.dictionary, "")).as_py():
            return texts
    return _checked(column, values)


def _checked(column: str, values: pa.ChunkedArray) -> pa.Array:
    coded = encode(column, values)
    missing = np.flatnonzero(coded.missing)
    if len(missing):
        raise DataError(f"the id column {column!r} is empty in {name_rows(missing)}; every example needs an id")
    counts = np.bincount(coded.codes, minlength=len(coded.values))
    twice = np.flatnonzero(counts > 1)
    if len(twice):
        shown = "; ".join(
            f"{name_values([coded.texts[index]])} in {name_rows(coded.rows_of(np.array([index])))}" for index in twice[:SHOWN]
        )
        more = f"; and {len(twice) - SHOWN:,} more ids" if len(twice) > SHOWN else ""
        raise DataError(f"the id column {column!r} holds ids more than once: {shown}{more}")
    return coded.values.cast(pa.string()).take(pa.array(coded.codes))

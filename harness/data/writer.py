"""Writing rows to Parquet in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt
from numpy.typing import NDArray

from harness.errors import DataError

GROUP_ROWS = 65_536
"""Rows of a row group, the unit in which a file is read."""

GROUP_BYTES = 32 * 2**20
"""Bytes of a row group, before compression, when rows are large."""


def write_batches(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write `batches` (all of `schema`) to `path`, one row group per 65,536 rows or 32 MiB."""
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1, write_page_checksum=True) as writer:
        waiting: list[pa.RecordBatch] = []
        for batch in batches:
            waiting.append(batch)
            if sum(each.num_rows for each in waiting) >= GROUP_ROWS or sum(each.nbytes for each in waiting) >= GROUP_BYTES:
                _write(writer, waiting, schema)
                waiting = []
        _write(writer, waiting, schema)


def _write(writer: pq.ParquetWriter, batches: list[pa.RecordBatch], schema: pa.Schema) -> None:
    table = pa.Table.from_batches(batches, schema=schema)
    if table.num_rows:
        per_row = max(1, table.nbytes // table.num_rows)
        writer.write_table(table, row_group_size=int(min(GROUP_ROWS, max(1, GROUP_BYTES // per_row))))


def write_table(path: Path, table: pa.Table) -> None:
    """Write a whole table; a `DataError` when two of its columns have one name."""
    check_names(table.column_names)
    write_batches(path, table.schema, table.to_batches(max_chunksize=GROUP_ROWS))


def check_names(names: list[str]) -> None:
    """`DataError` when two columns have one name, or there is none."""
    if not names:
        raise DataError("there are no columns")
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise DataError(f"two columns are called {twice[0]!r}; rename one of them")


def column_of(name: str, values: object) -> pa.Array:
    """Values of one column as Arrow; an array of two or more dimensions becomes a `fixed_shape_tensor` column."""
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    if isinstance(values, np.ndarray) and values.ndim > 1:
        return _tensors(name, values)
    try:
        return pa.array(_native(name, values) if isinstance(values, np.ndarray) else values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, OverflowError) as error:
        raise DataError(f"column {name!r} cannot be stored: {error}") from error


def _tensors(name: str, values: NDArray[np.generic]) -> pa.Array:
    flat = _native(name, np.ascontiguousarray(values)).reshape(-1)
    width = int(np.prod(values.shape[1:]))
    if width == 0:
        raise DataError(f"column {name!r} has rows of no elements (shape {values.shape})")
    storage = pa.FixedSizeListArray.from_arrays(pa.array(flat), width)
    return pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(storage.type.value_type, values.shape[1:]), storage)


def _native(name: str, values: NDArray[np.generic]) -> NDArray[np.generic]:
    if values.dtype.kind not in "biufUSM":
        raise DataError(f"column {name!r} has elements of type {values.dtype}; numbers, texts, dates and booleans can be stored")
    if values.dtype.kind == "S":
        return np.char.decode(values.astype(np.bytes_), "utf-8")
    return values.astype(values.dtype.newbyteorder("=")) if not values.dtype.isnative else values


def is_list(kind: pa.DataType) -> bool:
    """Whether each row of a column of this type holds several values."""
    return bool(pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind))

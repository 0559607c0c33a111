"""Rows that come as dictionaries, one after the other, and only at the end show what type a column has.

They are spilled in batches beside the target and written in a second pass. A column in which no two batches agree,
numbers here and texts there, is kept as text: texts as they are, everything else as it is written in JSON.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from harness.data.writer import write_batches
from harness.errors import DataError

_BATCH = 8_192
_MISFITS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, OverflowError, ValueError)


def write_records(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write `rows` to `path` as Parquet. A key that a row lacks is missing in it."""
    types: dict[str, pa.DataType] = {}
    with tempfile.TemporaryFile(dir=path.parent) as spill:
        for batch in _batches(rows):
            for field in batch.schema:
                types[field.name] = _common(types.get(field.name), field.type)
            with pa.ipc.new_stream(spill, batch.schema) as stream:
                stream.write_batch(batch)
        if not types:
            raise DataError("there are no rows")
        schema = pa.schema([(name, pa.string() if kind == pa.null() else kind) for name, kind in types.items()])
        write_batches(path, schema, _again(spill, schema))


def _batches(rows: Iterable[Mapping[str, Any]]) -> Iterator[pa.RecordBatch]:
    source = iter(rows)
    while chunk := list(islice(source, _BATCH)):
        names = dict.fromkeys(name for row in chunk for name in row)
        yield pa.RecordBatch.from_arrays([_array([row.get(name) for row in chunk]) for name in names], names=list(names))


def _again(spill: BinaryIO, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    end = spill.tell()
    spill.seek(0)
    while spill.tell() < end:
        for batch in pa.ipc.open_stream(spill):
            arrays = [_fit(batch, field) for field in schema]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except _MISFITS:
        return pa.array([_text(value) for value in values])


def _common(known: pa.DataType | None, new: pa.DataType) -> pa.DataType:
    if known is None or known == new:
        return new
    try:
        both = [pa.schema([("x", known)]), pa.schema([("x", new)])]
        return pa.unify_schemas(both, promote_options="permissive").field("x").type
    except _MISFITS:
        return pa.string()


def _fit(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    position = batch.schema.get_field_index(field.name)
    if position < 0:
        return pa.nulls(batch.num_rows, field.type)
    array = batch.column(position)
    if array.type == field.type:
        return array
    if field.type == pa.string():
        return pa.array([_text(value) for value in array.to_pylist()], pa.string())
    return array.cast(field.type)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)

"""One part of a piece of evidence: consecutive rows as Parquet bytes, and back."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.errors import StoreError
from harness.ports.model import Chunk

_KEY = b"harness.part"


@dataclass(frozen=True)
class Layout:
    """What all values of one part have in common: numpy dtype, shape of one row (of one token when ragged)."""

    dtype: str
    shape: tuple[int, ...]
    ragged: bool
    log_probs: bool


@dataclass(frozen=True)
class Part:
    """Rows of a part, shaped as in `ports.model.Chunk`; `messages` by row number of the data set."""

    layout: Layout
    values: NDArray[np.generic]
    status: NDArray[np.uint8]
    offsets: NDArray[np.int64] | None = None
    token_log_probs: NDArray[np.float32] | None = None
    messages: Mapping[int, str] = field(default_factory=dict)


def layout_of(chunk: Chunk) -> Layout:
    """The layout of a chunk; `StoreError` when its arrays do not fit each other or cannot be stored."""
    values, count = chunk.values, len(chunk.status)
    if values.dtype.kind not in "biuf" or values.dtype == np.longdouble:
        raise StoreError(f"values of type {values.dtype} cannot be stored as evidence; floats, integers and booleans can")
    expected = count if chunk.offsets is None else int(chunk.offsets[-1] - chunk.offsets[0])
    if values.ndim == 0 or len(values) != expected or (chunk.offsets is not None and len(chunk.offsets) != count + 1):
        raise StoreError(f"a chunk of {count:,} rows has values of shape {values.shape}, where {expected:,} were expected")
    if chunk.token_log_probs is not None and (chunk.offsets is None or len(chunk.token_log_probs) != expected):
        found = len(chunk.token_log_probs)
        raise StoreError(f"a chunk of {count:,} rows has {found:,} token log-probabilities, where {expected:,} were expected")
    return Layout(values.dtype.name, values.shape[1:], chunk.offsets is not None, chunk.token_log_probs is not None)


def encode(chunks: Sequence[Chunk]) -> bytes:
    """Consecutive chunks of one layout as one Parquet file."""
    layout = layout_of(chunks[0])
    status = np.concatenate([chunk.status for chunk in chunks]).astype(np.uint8)
    values = _arrow(np.concatenate([chunk.values for chunk in chunks]))
    columns: dict[str, pa.Array] = {"status": pa.array(status)}
    if layout.ragged:
        offsets = pa.array(_joined_offsets(chunks))
        columns["values"] = pa.LargeListArray.from_arrays(offsets, values)
        if layout.log_probs:
            log_probs = np.concatenate([_log_probs(chunk) for chunk in chunks]).astype(np.float32)
            columns["log_probs"] = pa.LargeListArray.from_arrays(offsets, pa.array(log_probs))
    else:
        columns["values"] = values
    facts = {
        "dtype": layout.dtype,
        "shape": layout.shape,
        "ragged": layout.ragged,
        "log_probs": layout.log_probs,
        "messages": {str(row): text for chunk in chunks for row, text in _own_messages(chunk).items()},
    }
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(facts).encode()})
    target = io.BytesIO()
    pq.write_table(table, target, compression="zstd", compression_level=1, use_dictionary=np.dtype(layout.dtype).kind != "f")
    return target.getvalue()


def decode(content: bytes) -> Part:
    """The part in the bytes of a Parquet file; `ValueError`, `KeyError` or an Arrow error when they hold none."""
    table = pq.read_table(pa.BufferReader(content))
    facts: dict[str, Any] = json.loads(table.schema.metadata[_KEY])
    layout = Layout(str(facts["dtype"]), tuple(facts["shape"]), bool(facts["ragged"]), bool(facts["log_probs"]))
    messages = {int(row): str(text) for row, text in facts["messages"].items()}
    status = table["status"].to_numpy().astype(np.uint8)
    if not layout.ragged:
        return Part(layout, _numpy(table["values"], layout), status, messages=messages)
    lists = table["values"].combine_chunks()
    offsets = np.asarray(lists.offsets.to_numpy(), dtype=np.int64)
    log_probs = _flat(table["log_probs"].combine_chunks().flatten()).astype(np.float32) if layout.log_probs else None
    return Part(layout, _numpy(pa.chunked_array([lists.flatten()]), layout), status, offsets, log_probs, messages)


def _arrow(values: NDArray[np.generic]) -> pa.Array:
    native = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
    if native.ndim == 1:
        return pa.array(native)
    width = int(np.prod(native.shape[1:]))
    if width == 0:
        return pa.nulls(len(native))
    return pa.FixedSizeListArray.from_arrays(pa.array(native.reshape(-1)), width)


def _numpy(column: pa.ChunkedArray, layout: Layout) -> NDArray[np.generic]:
    shape = (len(column), *layout.shape)
    if 0 in layout.shape:
        return np.zeros(shape, layout.dtype)
    array = column.combine_chunks()
    flat = array.flatten() if layout.shape else array
    return _flat(flat).astype(layout.dtype, copy=False).reshape(shape)


def _flat(array: pa.Array) -> NDArray[np.generic]:
    numbers: NDArray[np.generic] = array.to_numpy(zero_copy_only=False)
    return numbers


def _joined_offsets(chunks: Sequence[Chunk]) -> NDArray[np.int64]:
    lengths = [np.diff(chunk.offsets) for chunk in chunks if chunk.offsets is not None]
    return np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)


def _log_probs(chunk: Chunk) -> NDArray[np.float32]:
    assert chunk.token_log_probs is not None
    return chunk.token_log_probs


def _own_messages(chunk: Chunk) -> dict[int, str]:
    end = chunk.start + len(chunk.status)
    if any(row < chunk.start for row in chunk.messages):
        raise StoreError(f"a message belongs to row {min(chunk.messages)}, but the chunk starts at row {chunk.start}")
    return {int(row): text for row, text in chunk.messages.items() if row < end}

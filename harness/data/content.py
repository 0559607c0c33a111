"""Hashes of rows that do not depend on the file they lie in: one of all of them, or one of each.

The same rows give the same hash whether they came as csv or Parquet, gzipped or not, in however many batches. Per
column, three streams are hashed apart: which values are there, how long they are, and their bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray


class ContentHash:
    """Takes batches in row order; `hexdigest` is the SHA-256 of all rows with their column names and types."""

    def __init__(self, schema: pa.Schema) -> None:
        self._columns = [(field.name, _Column(field.type)) for field in schema]
        self._rows = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Add the rows of `batch`, whose columns are those of the schema."""
        self._rows += batch.num_rows
        for (_, column), array in zip(self._columns, batch.columns, strict=True):
            column.update(array)

    def hexdigest(self) -> str:
        """The hash of everything so far."""
        total = hashlib.sha256(str(self._rows).encode())
        for name, column in self._columns:
            total.update(f"\0{name}\0".encode() + column.digest())
        return total.hexdigest()


def row_hashes(batch: pa.RecordBatch) -> Iterator[bytes]:
    """A hash of each row's values, in the order of the columns, whatever these are called.

    Numbers are compared as numbers: 7 and 7.0, or a float32 and the float64 of the same value, are the same content.
    """
    for row in zip(*(_pieces(array) for array in batch.columns), strict=True):
        yield hashlib.blake2b(_framed(row), digest_size=16).digest()


def _pieces(array: pa.Array) -> list[bytes | None]:
    """The bytes that stand for each value; None for a missing one."""
    array = _plain(array)
    if pt.is_large_binary(array.type):
        found: list[bytes | None] = array.to_pylist()
        return found
    there = array.drop_null() if array.null_count else array
    if _is_number(there.type):
        values = _doubles(there)
        pieces = [values[start : start + 8] for start in range(0, len(values), 8)]
    elif _is_list(there.type):
        pieces = _list_pieces(there)
    else:
        pieces = [repr(value).encode() for value in there.to_pylist()]
    if not array.null_count:
        return [*pieces]
    rest = iter(pieces)
    return [next(rest) if valid else None for valid in array.is_valid().to_pylist()]


def _list_pieces(there: pa.Array) -> list[bytes]:
    ends = np.concatenate([[0], np.cumsum(pc.list_value_length(there).to_numpy(zero_copy_only=False), dtype=np.int64)]).tolist()
    values = there.flatten()
    spans = list(pairwise(ends))
    if _is_number(values.type):
        content = _doubles(values)
        return [content[8 * start : 8 * end] for start, end in spans]
    pieces = _pieces(values)
    return [_framed(pieces[start:end]) for start, end in spans]


def _is_number(kind: pa.DataType) -> bool:
    return bool(pt.is_integer(kind) or pt.is_floating(kind) or pt.is_boolean(kind))


def _doubles(array: pa.Array) -> bytes:
    """Eight bytes per value; a missing one is NaN."""
    numbers: NDArray[np.generic] = array.to_numpy(zero_copy_only=False)
    return (numbers.astype(np.float64) + 0.0).tobytes()  # adding zero makes -0.0 the same as 0.0


def _framed(pieces: Sequence[bytes | None]) -> bytes:
    """The pieces with their lengths before them, so that no two rows run into the same bytes."""
    return b"".join(b"\xff" if piece is None else b"\0" + len(piece).to_bytes(8, "big") + piece for piece in pieces)


class _Column:
    """The running hash of one column and, for nested types, of its children."""

    def __init__(self, kind: pa.DataType) -> None:
        self._name = _name(kind)
        self._streams = (hashlib.sha256(), hashlib.sha256(), hashlib.sha256())
        self._children = [_Column(child) for child in _children(kind)]

    def digest(self) -> bytes:
        total = hashlib.sha256(self._name.encode())
        for stream in self._streams:
            total.update(stream.digest())
        for child in self._children:
            total.update(child.digest())
        return total.digest()

    def update(self, array: pa.Array) -> None:
        present, lengths, content = self._streams
        array = _plain(array)
        present.update(_numbers(array.is_valid().cast(pa.uint8())))
        there = array.drop_null() if array.null_count else array
        if pt.is_struct(there.type):
            for child, values in zip(self._children, there.flatten(), strict=True):
                child.update(values)
        elif self._children:
            lengths.update(_numbers(pc.list_value_length(there).cast(pa.int64())))
            self._children[0].update(there.flatten())
        elif pt.is_large_binary(there.type):
            lengths.update(_numbers(pc.binary_length(there)))
            content.update(_characters(there))
        elif not pt.is_null(there.type):
            content.update(_numbers(there))


def _plain(array: pa.Array) -> pa.Array:
    """The same values in the one form that is hashed: texts, dates and decimals as UTF-8."""
    if isinstance(array, pa.ExtensionArray):
        return _plain(array.storage)
    if pt.is_dictionary(array.type):
        return _plain(array.dictionary_decode())
    if pt.is_temporal(array.type) or pt.is_decimal(array.type) or pt.is_string(array.type) or pt.is_string_view(array.type):
        array = array.cast(pa.large_string())
    if pt.is_large_string(array.type) or pt.is_binary(array.type) or pt.is_binary_view(array.type):
        return array.cast(pa.large_binary())
    return array


def _children(kind: pa.DataType) -> list[pa.DataType]:
    if isinstance(kind, pa.BaseExtensionType):
        return _children(kind.storage_type)
    if pt.is_struct(kind):
        return [kind.field(index).type for index in range(kind.num_fields)]
    if _is_list(kind):
        return [kind.value_type]
    return []


def _name(kind: pa.DataType) -> str:
    if isinstance(kind, pa.BaseExtensionType):
        return str(kind)
    if pt.is_dictionary(kind):
        return _name(kind.value_type)
    if pt.is_struct(kind):
        return "struct " + " ".join(kind.field(index).name for index in range(kind.num_fields))
    if _is_list(kind):
        return "list"
    if pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind):
        return "text"
    return str(kind)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind))


def _characters(array: pa.Array) -> memoryview | bytes:
    _, offsets, characters = array.buffers()
    if characters is None or not len(array):
        return b""
    ends = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    return memoryview(characters)[int(ends[0]) : int(ends[-1])]


def _numbers(array: pa.Array) -> bytes:
    numbers: NDArray[np.generic] = array.to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(numbers).tobytes()

"""Data columns as numpy arrays, and casts that never change a value silently."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.errors import ModelError


class RowError(ModelError):
    """One example cannot be given to the model. `row` is its 0-based place in the batch."""

    def __init__(self, row: int, message: str) -> None:
        self.row = row
        super().__init__(message)


def plain(column: pa.Array) -> NDArray[Any]:
    """A column as Python steps see it: text (n,) objects, numbers (n,), tensors and lists of equal length (n, …).

    A missing value is None among objects and NaN among numbers.
    """
    kind = column.type
    if isinstance(column, pa.FixedShapeTensorArray):
        return _tensors(column)
    if pa.types.is_dictionary(kind):
        return plain(column.dictionary_decode())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _lists(column)
    if _is_number(kind) and (column.null_count == 0 or not pa.types.is_boolean(kind)):
        return flat(column)
    values = np.empty(len(column), dtype=object)
    values[:] = column.to_pylist()
    return values


def flat(column: pa.Array) -> NDArray[Any]:
    """A column of numbers as (n,) numbers, NaN where one is missing.

    Not by Arrow's `to_numpy`: that imports pandas, which costs every worker a quarter of a second and 35 MB.
    """
    if pa.types.is_boolean(column.type):
        return flat(column.cast(pa.uint8())).view(np.bool_)
    dtype = np.dtype(column.type.to_pandas_dtype())
    values = np.frombuffer(column.buffers()[1], dtype)[column.offset : column.offset + len(column)] if len(column) else np.zeros(0, dtype)
    if not column.null_count:
        return values
    floating = values if dtype.kind == "f" else values.astype(np.float64)
    return np.where(flat(column.is_null()), floating.dtype.type(np.nan), floating)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _tensors(column: pa.FixedShapeTensorArray) -> NDArray[Any]:
    kind = column.type
    if column.null_count or kind.permutation is not None:
        return np.asarray(column.to_numpy_ndarray())
    return flat(column.storage.flatten()).reshape(len(column), *kind.shape)


def _lists(column: pa.Array) -> NDArray[Any]:
    lengths = pc.list_value_length(column)
    if column.null_count == 0 and len(pc.unique(lengths)) == 1:
        inner = plain(column.flatten())
        return inner.reshape(len(column), lengths[0].as_py(), *inner.shape[1:])
    ragged = np.empty(len(column), dtype=object)
    for row, value in enumerate(column):
        ragged[row] = np.asarray(value.as_py()) if value.is_valid else None
    return ragged


def is_text(column: pa.Array) -> bool:
    """Whether a column holds text."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def refuse_missing(column: pa.Array, name: str, what: str) -> None:
    """Raise `RowError` when a value of `column` is missing."""
    if column.null_count:
        row = int(np.flatnonzero(flat(column.is_null()))[0])
        raise RowError(row, f"column {name!r} has no value there, and {what} needs one; fill it in, in the data or with a python step")


def numbers(column: pa.Array, name: str, target: np.dtype[Any]) -> NDArray[Any]:
    """A column of text parsed as numbers of type `target`; `RowError` for the first that is none."""
    # Encoded as a dictionary, text would be cast through its values, and the row of a bad one lost.
    text = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    trimmed = pc.utf8_trim_whitespace(text)
    arrow = pa.from_numpy_dtype(target) if target != np.float16 else pa.float32()
    # Arrow reads 0x10 as the integer 16; in data that is text like any other.
    if target.kind in "iu" and (odd := flat(pc.match_substring_regex(trimmed, "[xX]"))).any():
        raise _no_number(text, int(np.flatnonzero(odd)[0]), name, target)
    try:
        return flat(trimmed.cast(arrow)).astype(target, copy=False)
    except pa.ArrowInvalid:
        row = next(row for row in range(len(trimmed)) if not _parses(trimmed[row : row + 1], arrow))
        raise _no_number(text, row, name, target) from None


def _no_number(text: pa.Array, row: int, name: str, target: np.dtype[Any]) -> RowError:
    return RowError(
        row,
        f"column {name!r} holds {text[row].as_py()!r} there, which is not a number of type {target}; turn it into one with a python step",
    )


def _parses(value: pa.Array, arrow: pa.DataType) -> bool:
    try:
        value.cast(arrow)
    except pa.ArrowInvalid:
        return False
    return True


def cast(array: NDArray[Any], target: np.dtype[Any], tensor: str, *, declared: bool) -> NDArray[Any]:
    """`array` as `target` when no value changes; floats become integers only when the suite `declared` the type.

    Raises `RowError` for the first value that does not fit, `ModelError` when the types do not.
    """
    if array.dtype == target:
        return array
    if array.dtype == object or array.dtype.kind not in "biuf":
        raise ModelError(f"input {tensor!r} takes {target}, but what is made for it is {_name(array)}; let a python step return numbers")
    if target.kind == "f" or (array.dtype.kind == "b" and target.kind in "iu"):
        return array.astype(target)
    if array.dtype.kind == "f" and not declared:
        raise ModelError(
            f"input {tensor!r} takes {target}, but its column holds {array.dtype}; write dtype: {target} if they are whole numbers"
        )
    changed = _changed(array, target)
    if changed.any():
        row, value = int(np.argwhere(changed)[0][0]), array[changed].flat[0]
        raise RowError(row, f"input {tensor!r} takes {target}, which cannot hold {value}")
    return array.astype(target)


def _changed(array: NDArray[Any], target: np.dtype[Any]) -> NDArray[np.bool_]:
    """Which values would be another number as `target`."""
    if target.kind == "b":
        return np.asarray((array != 0) & (array != 1))
    limits = np.iinfo(target)
    outside = ~((array >= limits.min) & (array <= limits.max))
    return np.asarray(outside | (np.floor(array) != array) if array.dtype.kind == "f" else outside)


def _name(array: NDArray[Any]) -> str:
    return "text or objects" if array.dtype == object else str(array.dtype)

"""A column as codes into its distinct values: whatever is decided per value is decided once per distinct value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from harness.data.naming import name_rows, name_values
from harness.errors import DataError

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


@dataclass(frozen=True)
class Coded:
    """`codes` (n,) int32 index into `values`, the distinct values in their own type; -1 where the value is missing.

    Missing is null, the empty text, and NaN.
    """

    column: str
    codes: NDArray[np.int32]
    values: pa.Array

    @cached_property
    def texts(self) -> list[str]:
        """The distinct values as text: numbers in their shortest form, `true` and `false`, ISO dates."""
        listed: list[str] = self.values.cast(pa.string()).to_pylist()
        return listed

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """The distinct values as finite numbers; `DataError` naming rows when some are none."""
        kind = self.values.type
        if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind):
            parsed: NDArray[np.float64] = self.values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        else:
            parsed = _parse(self.values.cast(pa.string()))
        wrong = np.flatnonzero(~np.isfinite(parsed))
        if len(wrong):
            rows = self.rows_of(wrong)
            shown = name_values([self.texts[self.codes[row]] for row in rows[:1]])
            raise DataError(f"column {self.column!r} must hold numbers, but {name_rows(rows)} {_verb(rows)} not: {shown}")
        return parsed

    @property
    def missing(self) -> NDArray[np.bool_]:
        """(n,) where the value is missing."""
        absent: NDArray[np.bool_] = self.codes < 0
        return absent

    def rows_of(self, values: NDArray[np.integer]) -> NDArray[np.int64]:
        """Rows whose value is one of `values` (indices into the distinct values)."""
        chosen = np.zeros(len(self.values) + 1, dtype=bool)
        chosen[values] = True
        return np.flatnonzero(chosen[self.codes])

    def spread(self, per_value: NDArray[np.generic], missing: object) -> NDArray[np.generic]:
        """(n,) `per_value[codes]`, with `missing` where the value is missing."""
        filled: NDArray[np.generic] = np.append(per_value, np.asarray([missing], dtype=per_value.dtype))
        return filled[self.codes]


def encode(name: str, column: pa.ChunkedArray) -> Coded:
    """The column as codes; `DataError` when its rows hold lists or other values that are not single."""
    kind = column.type.value_type if pt.is_dictionary(column.type) else column.type
    if pt.is_nested(kind) or isinstance(kind, pa.BaseExtensionType) or pt.is_binary(kind) or pt.is_large_binary(kind):
        raise DataError(f"column {name!r} holds {kind} in each row; a single text, number, date or boolean is needed")
    coded = column if pt.is_dictionary(column.type) else column.dictionary_encode()
    unified = coded.unify_dictionaries()
    values = unified.chunk(0).dictionary if unified.num_chunks else pa.array([], kind)
    indices = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in unified.chunks]
    codes = np.concatenate(indices).astype(np.int32) if indices else np.zeros(0, np.int32)
    return _without_empty(Coded(name, codes, values))


def _without_empty(coded: Coded) -> Coded:
    """Empty texts and NaN become missing, values that no row has disappear."""
    used = np.bincount(coded.codes + 1, minlength=len(coded.values) + 1)[1:] > 0
    kept = used & ~_empty(coded.values)
    if kept.all():
        return coded
    renumbered = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1).astype(np.int32)
    return Coded(coded.column, renumbered[coded.codes], coded.values.filter(pa.array(kept)))


def _empty(values: pa.Array) -> NDArray[np.bool_]:
    if pt.is_null(values.type):
        return np.ones(len(values), dtype=bool)
    if pt.is_floating(values.type):
        mask = pc.is_nan(values)
    elif pt.is_string(values.type) or pt.is_large_string(values.type):
        mask = pc.equal(pc.binary_length(values), 0)
    else:
        mask = values.is_null()
    empty: NDArray[np.bool_] = pc.fill_null(mask, True).to_numpy(zero_copy_only=False)
    return empty


def _parse(texts: pa.Array) -> NDArray[np.float64]:
    """Numbers in texts, NaN where there is none. Arrow is fast and understands less (no blanks, no leading +)."""
    try:
        parsed: NDArray[np.float64] = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        parsed = np.array([float(text) if _NUMBER.fullmatch(text) else np.nan for text in texts.to_pylist()], dtype=np.float64)
    return parsed


def _verb(rows: NDArray[np.int64]) -> str:
    return "is" if len(rows) == 1 else "are"


def text_order(texts: list[str]) -> list[int]:
    """Positions of `texts` in order: by number when all are whole numbers, else by code point."""
    if all(re.fullmatch(r"-?(0|[1-9]\d{0,17})", text) for text in texts):
        return sorted(range(len(texts)), key=lambda position: int(texts[position]))
    return sorted(range(len(texts)), key=texts.__getitem__)

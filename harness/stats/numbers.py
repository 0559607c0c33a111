"""Scalars and arrays through one door: every function on counts takes both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Array = NDArray[Any]
Number = float | Array

T = TypeVar("T", float, Floats)


@dataclass(frozen=True)
class Interval(Generic[T]):
    """Lower and upper limit: floats, or arrays of one limit per segment."""

    low: T
    high: T


def together(*values: Number) -> tuple[tuple[Floats, ...], bool]:
    """The values as float arrays of one common shape with at least one axis, and whether all of them were scalars."""
    arrays = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in values))
    scalar = arrays[0].ndim == 0
    return tuple(np.atleast_1d(array) for array in arrays), scalar


def apart(array: Floats, scalar: bool) -> Any:
    """The inverse of `together` for a result: a float for scalars, the array otherwise."""
    return float(array[0]) if scalar else array


def check_counts(**counts: Floats) -> None:
    """`ValueError` naming the first count that is negative or not a finite number."""
    for name, values in counts.items():
        wrong = ~np.isfinite(values) | (values < 0)
        if wrong.any():
            raise ValueError(f"{name} must be zero or more and finite, not {values[wrong][0]:g}")


def check_level(level: float) -> None:
    """`ValueError` unless `level` is a confidence level strictly between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level is the confidence of a two-sided interval, between 0 and 1, not {level:g}")

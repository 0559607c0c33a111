"""The few values that stand best for many: k-means in one dimension. Imports scikit-learn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

BINS = 8192
"""Points that k-means looks at: weights beyond that number are first gathered into so many bins."""

_STEPS = 500
_LAST_STEPS = 3

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]


def codebook(weight: Floats, size: int, seed: int) -> Floats:
    """At most `size` ascending values in the weight's own type, near the least squared error.

    The best of several runs of k-means: from values spread evenly from the smallest to the largest weight (what Han and others
    found best), which cannot end farther away than uniform rounding; from values as dense as the cube root of the weights'
    density, the best there are for very many values (Panter and Dite 1951); and from k-means++. Then some steps on the weights
    themselves. A value to which mostly zeros belong is exactly zero, so that pruned weights stay pruned.
    """
    flat = weight.reshape(-1)
    distinct = np.unique(flat)
    if len(distinct) <= size:
        return distinct
    points, counts = _binned(flat.astype(np.float64))
    starts = [np.linspace(points.min(), points.max(), size), _companded(points, counts, size)]
    starts += _plus_plus(points, counts, size, seed)
    ends = [_settled(points, counts, start, _STEPS) for start in starts]
    values = min(ends, key=lambda end: _error(points, counts, end))
    values = _settled(flat.astype(np.float64), np.ones(flat.size), values, _LAST_STEPS)
    made = np.unique(_with_zero(flat, values).astype(weight.dtype))
    return made[np.unique(nearest(flat, made))]  # one that no weight is nearest to is of no use


def nearest(weight: Floats, values: Floats) -> NDArray[np.uint8]:
    """The number of the nearest value for each weight, in the weight's shape; `values` ascend."""
    exact = values.astype(np.float64)
    return np.searchsorted((exact[1:] + exact[:-1]) / 2, weight.astype(np.float64)).astype(np.uint8)


def _binned(flat: Doubles) -> tuple[Doubles, Doubles]:
    """(means, counts) of bins, cut at equal widths, for the sake of outliers, and at equal counts, for the sake of all others."""
    if flat.size <= BINS:
        points, times = np.unique(flat, return_counts=True)
        return points, times.astype(np.float64)
    ordered = np.sort(flat)
    even = np.searchsorted(ordered, np.linspace(ordered[0], ordered[-1], BINS // 2 + 1))
    edges = np.unique(np.concatenate([even, np.linspace(0, flat.size, BINS // 2 + 1).astype(np.int64)]))
    counts = np.diff(edges).astype(np.float64)
    return np.add.reduceat(ordered, edges[:-1]) / counts, counts


def _companded(points: Doubles, counts: Doubles, size: int) -> Doubles:
    """Values in whose neighbourhood the density is that of the points, to the power of a third."""
    width = np.gradient(points)
    share = np.cumsum(np.cbrt(counts) * np.cbrt(np.square(width)))
    return np.interp((np.arange(size) + 0.5) / size, share / share[-1], points)


def _plus_plus(points: Doubles, counts: Doubles, size: int, seed: int) -> list[Doubles]:
    """What scikit-learn makes of its own starts; fewer of them where there are many values, each near its points anyway."""
    with threadpool_limits(1):
        made = [
            KMeans(size, n_init=1, random_state=seed + number).fit(points.reshape(-1, 1), sample_weight=counts)
            for number in range(max(1, min(10, 128 // size)))
        ]
    return [np.sort(run.cluster_centers_.reshape(-1)) for run in made]


def _error(points: Doubles, counts: Doubles, values: Doubles) -> float:
    place = np.searchsorted((values[1:] + values[:-1]) / 2, points)
    return float(np.sum(counts * np.square(points - values[place])))


def _settled(points: Doubles, counts: Doubles, values: Doubles, steps: int) -> Doubles:
    """Lloyd's algorithm: every value to the mean of the points nearest to it, until none moves. KMeans stops long before that."""
    for _ in range(steps):
        place = np.searchsorted((values[1:] + values[:-1]) / 2, points)
        weight = np.bincount(place, counts, len(values))
        sums = np.bincount(place, counts * points, len(values))
        moved = np.sort(np.where(weight > 0, sums / np.maximum(weight, 1), values))
        if np.array_equal(moved, values):
            break
        values = moved
    return values


def _with_zero(flat: Floats, values: Doubles) -> Doubles:
    place = np.searchsorted((values[1:] + values[:-1]) / 2, flat.astype(np.float64))
    zeros = np.bincount(place[flat == 0], minlength=len(values))
    return np.where(2 * zeros > np.bincount(place, minlength=len(values)), 0.0, values)

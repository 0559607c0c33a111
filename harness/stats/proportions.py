"""Intervals of one proportion: a model's own value, flip rates, agreement."""

from __future__ import annotations

from typing import Any, overload

import numpy as np

from harness.stats.distributions import beta_quantile, two_sided_z
from harness.stats.numbers import Array, Floats, Interval, Number, apart, check_counts, check_level, together


@overload
def wilson_interval(successes: float, n: float, level: float = 0.90) -> Interval[float]: ...
@overload
def wilson_interval(successes: Array, n: Number, level: float = 0.90) -> Interval[Floats]: ...
def wilson_interval(successes: Number, n: Number, level: float = 0.90) -> Interval[Any]:
    """Two-sided score interval of a proportion (Wilson 1927); (0, 1) where `n` is 0.

    `ValueError` for negative counts or more successes than examples.
    """
    check_level(level)
    (k, n), scalar = _checked(successes, n)
    z2 = two_sided_z(level) ** 2
    centre = (k + z2 / 2) / (n + z2)
    half = np.sqrt(z2 * (k * (n - k) / np.maximum(n, 1e-300) + z2 / 4)) / (n + z2)
    low, high = np.where(k == 0, 0.0, np.maximum(centre - half, 0.0)), np.where(k == n, 1.0, np.minimum(centre + half, 1.0))
    return Interval(apart(low, scalar), apart(high, scalar))


def clopper_pearson_upper(successes: Number, n: Number, level: float = 0.95) -> Any:
    """One-sided exact upper limit of a proportion (Clopper and Pearson 1934); 1 where every example counts, or none exists."""
    check_level(level)
    (k, n), scalar = _checked(successes, n)
    inside = k < n
    limit = beta_quantile(level, np.where(inside, k + 1, 1.0), np.where(inside, n - k, 1.0))
    return apart(np.where(inside, limit, 1.0), scalar)


def clopper_pearson_lower(successes: Number, n: Number, level: float = 0.95) -> Any:
    """One-sided exact lower limit of a proportion; 0 without any success."""
    check_level(level)
    (k, n), scalar = _checked(successes, n)
    limit = beta_quantile(1 - level, np.where(k > 0, k, 1.0), n - k + 1)
    return apart(np.where(k > 0, limit, 0.0), scalar)


def _checked(successes: Number, n: Number) -> tuple[tuple[Floats, ...], bool]:
    (k, n), scalar = together(successes, n)
    check_counts(successes=k, n=n)
    if (k > n).any():
        raise ValueError("there are more successes than examples")
    return (k, n), scalar

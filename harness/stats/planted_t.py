"""The mean of paired differences by t, with one planted worst case.

The plain t interval of differences that are nearly all zero is far too narrow: a rare total loss that the sample happens
not to hold costs it nothing. Here the lower limit is that of the sample plus one difference of −reach, the upper limit
that of the sample plus one of +reach. Without any difference the limits are about ±2.65 · reach / n, the caution
of a score interval.

`n`, `mean` and `sd` (with n − 1) describe the differences candidate − original, in the direction in which more is better;
`reach` is the largest difference one example can show, for scores between 0 and 1 it is 1. Where `n` is 0 or 1 the `mean`
or `sd` that does not exist may be NaN and is not read.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np

from harness.stats.distributions import t_cdf, t_quantile
from harness.stats.numbers import Array, Floats, Interval, Number, apart, check_counts, check_level, together


@overload
def planted_t_interval(n: float, mean: float, sd: float, reach: float, level: float = 0.90) -> Interval[float]: ...
@overload
def planted_t_interval(n: Array, mean: Number, sd: Number, reach: Number, level: float = 0.90) -> Interval[Floats]: ...
def planted_t_interval(n: Number, mean: Number, sd: Number, reach: Number, level: float = 0.90) -> Interval[Any]:
    """Two-sided interval of the mean difference, within ±`reach`; ±`reach` itself where `n` is 0.

    Scalars give floats, arrays of one shape give arrays. `ValueError` for negative or infinite `n`, `sd` or `reach`.

    >>> interval = planted_t_interval(1000, 0.0, 0.0, 1.0)
    >>> round(interval.low, 5), round(interval.high, 5)
    (-0.00264, 0.00264)
    """
    check_level(level)
    (n, mean, sd, reach), scalar = _checked(n, mean, sd, reach)
    width = t_quantile((1 + level) / 2, n)
    low_mean, low_error = _with_planted(n, mean, sd, -reach)
    high_mean, high_error = _with_planted(n, mean, sd, reach)
    some = n > 0
    low = np.where(some, low_mean - np.where(some, width, 0) * low_error, -reach)
    high = np.where(some, high_mean + np.where(some, width, 0) * high_error, reach)
    return Interval(apart(np.clip(low, -reach, reach), scalar), apart(np.clip(high, -reach, reach), scalar))


def planted_t_p_harm(n: Number, mean: Number, sd: Number, reach: Number, delta0: Number) -> Any:
    """One-sided p of H0: mean difference ≥ `delta0`, against the candidate being worse than that; 1 where `n` is 0.

    From the sample with +`reach` planted, so that it is below α exactly when the upper limit of the two-sided 1 − 2α
    interval lies below `delta0`.
    """
    (n, mean, sd, reach, delta), scalar = _checked(n, mean, sd, reach, delta0)
    centre, error = _with_planted(n, mean, sd, reach)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, (centre - delta) / error, np.where(centre == delta, 0.0, np.sign(centre - delta) * np.inf))
    return apart(np.where(n > 0, t_cdf(t, np.maximum(n, 1)), 1.0), scalar)


@overload
def t_interval(n: float, mean: float, sd: float, level: float = 0.90) -> Interval[float]: ...
@overload
def t_interval(n: Array, mean: Number, sd: Number, level: float = 0.90) -> Interval[Floats]: ...
def t_interval(n: Number, mean: Number, sd: Number, level: float = 0.90) -> Interval[Any]:
    """Student's two-sided interval of a mean, nothing planted: for a model's own value, which no verdict rests on.

    Infinite where `n` is below 2.
    """
    check_level(level)
    (n, mean, sd, _), scalar = _checked(n, mean, sd, 0.0)
    some = n >= 2
    half = np.where(some, t_quantile((1 + level) / 2, np.where(some, n - 1, 1)) * sd / np.sqrt(np.where(some, n, 1)), np.inf)
    return Interval(apart(mean - half, scalar), apart(mean + half, scalar))


def _checked(n: Number, mean: Number, sd: Number, reach: Number, *more: Number) -> tuple[tuple[Floats, ...], bool]:
    """The arguments as arrays, with 0 for a mean of nothing and a standard deviation of fewer than two."""
    (n, mean, sd, reach, *rest), scalar = together(n, mean, sd, reach, *more)
    mean, sd = np.where(n > 0, mean, 0.0), np.where(n > 1, sd, 0.0)
    check_counts(n=n, sd=sd, reach=reach)
    if not np.isfinite(mean).all():
        raise ValueError("mean must be a finite number wherever there are examples")
    return (n, mean, sd, reach, *rest), scalar


def _with_planted(n: Floats, mean: Floats, sd: Floats, planted: Floats) -> tuple[Floats, Floats]:
    """Mean and standard error of the n differences together with one more of size `planted`; n degrees of freedom."""
    squares = np.maximum(n - 1, 0) * sd * sd + n / (n + 1) * (mean - planted) ** 2
    error = np.sqrt(squares / (np.maximum(n, 1) * (n + 1)))
    return (n * mean + planted) / (n + 1), error

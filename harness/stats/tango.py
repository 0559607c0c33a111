"""The difference of two paired proportions by Tango's score method.

Tango T. (1998), Equivalence test and confidence interval for the difference in proportions for the paired-sample
design, Statistics in Medicine 17, 891–908.

Counts are of paired examples: both models right, only the candidate right (gained), only the original right (lost),
both wrong. They need not be whole numbers, because clustered counts are divided by a design effect. The difference is
candidate minus original, so harm is negative.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np

from harness.stats.distributions import normal_cdf, two_sided_z
from harness.stats.numbers import Array, Floats, Interval, Number, apart, check_counts, check_level, together
from harness.stats.roots import find_roots


@overload
def tango_interval(both_right: float, gained: float, lost: float, both_wrong: float, level: float = 0.90) -> Interval[float]: ...
@overload
def tango_interval(both_right: Array, gained: Number, lost: Number, both_wrong: Number, level: float = 0.90) -> Interval[Floats]: ...
def tango_interval(both_right: Number, gained: Number, lost: Number, both_wrong: Number, level: float = 0.90) -> Interval[Any]:
    """Two-sided score interval of P(candidate right) − P(original right).

    Scalars give floats, arrays of one shape give arrays. `level` 0.90 leaves 5 % on each side. `ValueError` for
    negative counts, and for scalars that sum to zero; among arrays an empty row is (−1, 1): nothing is known.

    >>> interval = tango_interval(43, 0, 1, 0)
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.096, 0.037)
    """
    check_level(level)
    (a, b, c, d), scalar = together(both_right, gained, lost, both_wrong)
    check_counts(both_right=a, gained=b, lost=c, both_wrong=d)
    n = a + b + c + d
    if scalar and n[0] == 0:
        raise ValueError("an interval needs at least one example; all four counts are zero")
    low, high = tango_limits(b, c, n, two_sided_z(level))
    return Interval(apart(low, scalar), apart(high, scalar))


def tango_limits(gained: Floats, lost: Floats, n: Floats, z: float) -> tuple[Floats, Floats]:
    """Both limits for arrays of counts, with the normal quantile `z` on each side; (−1, 1) where n is 0."""
    empty = n <= 0
    n = np.where(empty, 1.0, n)
    b, c, n = (np.stack([x, x]) for x in (gained, lost, n))
    side = np.stack([np.full_like(gained, z), np.full_like(gained, -z)])
    observed = (b - c) / n

    def excess(delta: Floats) -> Floats:
        return (b - c) - n * delta - side * np.sqrt(n * _variance(b, c, n, delta))

    outer = np.stack([np.full_like(gained, -1.0), np.full_like(gained, 1.0)])
    upper = side < 0
    roots = find_roots(excess, np.where(upper, observed, outer), np.where(upper, outer, observed))
    return np.where(empty, -1.0, roots[0]), np.where(empty, 1.0, roots[1])


def tango_score(gained: Number, lost: Number, n: Number, delta0: Number) -> Any:
    """The score statistic of H0: difference = `delta0`; standard normal there, negative when the candidate is worse.

    Zero where neither the data nor H0 leave any variance and both agree, infinite where they contradict each other.
    """
    (b, c, n, delta), scalar = together(gained, lost, n, delta0)
    distance = (b - c) - n * delta
    spread = np.sqrt(n * _variance(b, c, np.where(n > 0, n, 1.0), delta))
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(spread > 0, distance / spread, np.where(distance == 0, 0.0, np.sign(distance) * np.inf))
    return apart(score, scalar)


def tango_p_harm(gained: Number, lost: Number, n: Number, delta0: Number) -> Any:
    """One-sided p of H0: difference ≥ `delta0`, against the candidate being worse than that.

    Small when the candidate lost more than −`delta0`. At level α it rejects exactly when the upper limit of the two-sided
    1 − 2α interval lies below `delta0`. 1 where n is 0.
    """
    (b, c, n, delta), scalar = together(gained, lost, n, delta0)
    check_counts(gained=b, lost=c, n=n)
    p = np.where(n > 0, normal_cdf(tango_score(b, c, n, delta)), 1.0)
    return apart(p, scalar)


def _variance(b: Floats, c: Floats, n: Floats, delta: Floats) -> Floats:
    """n times the variance of the observed difference, at the maximum likelihood estimate constrained to `delta`.

    That estimate solves a quadratic for the probability of the rarer kind of flip. Writing it for |delta|, with the
    kinds exchanged where delta is negative, keeps every term of the discriminant positive: nothing cancels.
    """
    size = np.abs(delta)
    rarer, other = np.where(delta >= 0, c, b), np.where(delta >= 0, b, c)
    linear = (2 * n - other + rarer) * size - (rarer + other)
    constant = rarer * size * (1 - size)
    root = np.sqrt(linear * linear + 8 * n * constant)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = np.where(linear > 0, 2 * constant / (linear + root), (root - linear) / (4 * n))
    return np.asarray(np.maximum(2 * q + size * (1 - size), 0.0))

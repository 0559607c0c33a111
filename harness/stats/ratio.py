"""The ratio of two paired proportions by the score method.

Nam J., Blackwelder W. C. (2002), Analysis of the ratio of marginal probabilities in a matched-pair setting, Statistics
in Medicine 21, 689–699; Tang N.-S., Tang M.-L., Chan I. S. F. (2003), On tests of equivalence via non-unity relative
risk for matched-pair design, Statistics in Medicine 22, 1217–1233.

The ratio is P(candidate right) / P(original right), so harm is below 1. Everything is computed on w = ratio / (1 + ratio),
which turns the two directions into mirror images and infinity into 1.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np

from harness.stats.distributions import normal_cdf, two_sided_z
from harness.stats.numbers import Array, Floats, Interval, Number, apart, check_counts, check_level, together
from harness.stats.roots import find_roots


@overload
def nam_blackwelder_interval(both_right: float, gained: float, lost: float, both_wrong: float, level: float = 0.90) -> Interval[float]: ...
@overload
def nam_blackwelder_interval(
    both_right: Array, gained: Number, lost: Number, both_wrong: Number, level: float = 0.90
) -> Interval[Floats]: ...
def nam_blackwelder_interval(both_right: Number, gained: Number, lost: Number, both_wrong: Number, level: float = 0.90) -> Interval[Any]:
    """Two-sided score interval of P(candidate right) / P(original right).

    Scalars give floats, arrays of one shape give arrays. The upper limit is infinite when the original was never right;
    when neither model ever was, the interval is (0, ∞). `ValueError` for negative counts, and for scalars that sum to zero.
    """
    check_level(level)
    (a, b, c, d), scalar = together(both_right, gained, lost, both_wrong)
    check_counts(both_right=a, gained=b, lost=c, both_wrong=d)
    if scalar and a[0] + b[0] + c[0] + d[0] == 0:
        raise ValueError("an interval needs at least one example; all four counts are zero")
    low, high = (_ratio(w) for w in _limits(a, b, c, two_sided_z(level)))
    return Interval(apart(low, scalar), apart(high, scalar))


def nam_blackwelder_p_harm(both_right: Number, gained: Number, lost: Number, both_wrong: Number, ratio0: Number) -> Any:
    """One-sided p of H0: ratio ≥ `ratio0`, against the candidate being worse than that; 1 where neither was ever right."""
    (a, b, c, d, ratio), scalar = together(both_right, gained, lost, both_wrong, ratio0)
    check_counts(both_right=a, gained=b, lost=c, both_wrong=d, ratio0=ratio)
    w = ratio / (1 + ratio)
    distance, spread = _distance(a, b, c, w), _spread(a, b, c, w)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(spread > 0, distance / spread, np.where(distance == 0, 0.0, np.sign(distance) * np.inf))
    return apart(np.where(a + b + c > 0, normal_cdf(score), 1.0), scalar)


def _limits(a: Floats, b: Floats, c: Floats, z: float) -> tuple[Floats, Floats]:
    """Both limits on the scale of w."""
    empty = a + b + c <= 0
    a = np.where(empty, 1.0, a)
    a2, b2, c2 = (np.stack([x, x]) for x in (a, b, c))
    side = np.stack([np.full_like(a, z), np.full_like(a, -z)])
    observed = (a2 + b2) / (2 * a2 + b2 + c2)

    def excess(w: Floats) -> Floats:
        return _distance(a2, b2, c2, w) - side * _spread(a2, b2, c2, w)

    outer = np.stack([np.zeros_like(a), np.ones_like(a)])
    upper = side < 0
    roots = find_roots(excess, np.where(upper, observed, outer), np.where(upper, outer, observed))
    return np.where(empty, 0.0, roots[0]), np.where(empty, 1.0, roots[1])


def _distance(a: Floats, b: Floats, c: Floats, w: Floats) -> Floats:
    """What the candidate got right minus what the ratio says it should have, times 1 − w."""
    return (1 - w) * (a + b) - w * (a + c)


def _spread(a: Floats, b: Floats, c: Floats, w: Floats) -> Floats:
    """Standard deviation of `_distance` at the maximum likelihood estimate constrained to the ratio.

    u is the constrained probability that only the candidate is right, given that at least one is: the larger root of a
    quadratic. As in Tango's method the kinds are exchanged beyond ratio 1, so that nothing cancels.
    """
    v = np.minimum(w, 1 - w)
    gained, lost = np.where(w <= 0.5, b, c), np.where(w <= 0.5, c, b)
    some = a + gained + lost
    tilt = 1 - 2 * v
    linear = (a + gained) * tilt - (gained + lost) * v * v
    constant = gained * v * tilt
    root = np.sqrt(linear * linear + 4 * v * some * constant)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = np.where(linear > 0, 2 * constant / (linear + root), (root - linear) / (2 * v * some))
    u = np.where(v > 0, u, 0.0)
    return np.asarray(np.sqrt(np.maximum(v * some * (tilt + u), 0.0)))


def _ratio(w: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.where(w < 1, w / np.where(w < 1, 1 - w, 1.0), np.inf)

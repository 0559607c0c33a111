"""How many examples a verdict on right-or-wrong outcomes takes.

All answers assume a candidate that truly lost nothing: with a real loss near the margin no number is enough.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np

from harness.stats.distributions import normal_quantile, two_sided_z
from harness.stats.numbers import Array, Floats, Number, apart, check_counts, check_level, together
from harness.stats.tango import tango_score

POWER = 0.8
"""The chance of a verdict that counts as enough."""


def required_n(flip_rate: Number, margin: Number, level: float = 0.90, power: float = POWER) -> Any:
    """Examples for P(PASS) ≈ `power` at no drop; a float (whole) or array.

    N = (z_α √V₀ + z_β √ψ)² / m², with V₀ the variance of one difference at δ = −m, constrained as in Tango's test.

    >>> required_n(0.0, 0.02), required_n(0.05, 0.02)
    (133.0, 837.0)
    """
    check_level(level)
    (psi, m), scalar = together(flip_rate, margin)
    if not ((psi >= 0) & (psi <= 1)).all() or not ((m > 0) & (m < 1)).all():
        raise ValueError("flip_rate lies between 0 and 1, and a margin that can be proven above 0 and below 1")
    q = (psi + 2 * m + np.sqrt((psi + 2 * m) ** 2 - 4 * psi * m * (1 + m))) / 4
    at_margin = np.sqrt(np.maximum(2 * q - m - m * m, 0.0))
    n = ((two_sided_z(level) * at_margin + float(normal_quantile(power)) * np.sqrt(psi)) / m) ** 2
    return apart(np.ceil(n - 1e-9), scalar)


@overload
def needs_more(n: float, gained: float, lost: float, margin: float, level: float = 0.90) -> int | None: ...
@overload
def needs_more(n: Array, gained: Number, lost: Number, margin: Number, level: float = 0.90) -> tuple[int | None, ...]: ...
def needs_more(n: Number, gained: Number, lost: Number, margin: Number, level: float = 0.90) -> int | tuple[int | None, ...] | None:
    """About how many more examples would prove `margin`, if there is truly no drop; one answer per segment for arrays.

    None when the observed drop is the margin or more: then more examples would more likely prove harm. The flip rate is
    estimated as (flips + 1)/(n + 2). Where chance has already used up the examples this rule asks for, the answer is what
    carries the counts through if everything to come goes as expected.
    """
    check_level(level)
    (n, b, c, m), scalar = together(n, gained, lost, margin)
    check_counts(n=n, gained=b, lost=c, margin=m)
    hopeless = (c - b >= m * n) & (n > 0) | (m <= 0)
    m = np.where(hopeless, 0.5, np.minimum(m, 0.999))
    psi = np.minimum((b + c + 1) / (n + 2), 1.0)
    more = np.asarray(required_n(psi, m, level)) - n
    late = ~hopeless & (more < 1)
    if late.any():
        more[late] = _to_carry_through(n[late], b[late], c[late], m[late], psi[late], level)
    answers = tuple(None if none else int(np.ceil(count)) for none, count in zip(hopeless, more, strict=True))
    return answers[0] if scalar else answers


def needed_to_pass(flips_lost: int, margin: float, level: float = 0.90) -> int:
    """The smallest number of examples that PASSes with this many losses and no gain.

    >>> [needed_to_pass(lost, 0.02) for lost in range(4)]
    [133, 222, 300, 373]
    """
    check_level(level)
    if flips_lost < 0 or not 0 < margin < 1:
        raise ValueError("losses are zero or more, and a margin that can be proven lies between 0 and 1")
    z = two_sided_z(level)
    low, high = max(flips_lost, 1) - 1, max(flips_lost, 1)
    while not tango_score(0, flips_lost, high, -margin) > z:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if tango_score(0, flips_lost, middle, -margin) > z:
            high = middle
        else:
            low = middle
    return high


def can_ever_pass(n: Number, margin: Number, level: float = 0.90) -> Any:
    """Whether `n` examples prove `margin` when not one of them flips; bool or (k,) bool."""
    (n, m), scalar = together(n, margin)
    check_counts(n=n, margin=m)
    possible = np.asarray((n > 0) & (np.asarray(tango_score(0.0, 0.0, n, -m)) > two_sided_z(level)))
    return bool(possible[0]) if scalar else possible


def smallest_detectable_drop(
    n: Number,
    flip_rate: Number,
    margin: Number,
    power: float = POWER,
    level: float = 0.90,
    tests: int = 1,
    tolerated: Number = 0.0,
) -> Any:
    """The true drop that FAILs with probability `power`, by normal approximation; 1 when none below does.

    For the whole leave `tests` at 1 and `tolerated` equal to the margin or 0. For a segment, `tests` is the size of its family and
    `tolerated` the whole's drop: it must then also be found worse than that at the level Holm starts with.
    """
    check_level(level)
    (n, psi, m, s), scalar = together(n, flip_rate, margin, tolerated)
    alpha = (1 - level) / 2
    drop = _detectable(n, psi, m, alpha, power)
    if tests > 1:
        drop = np.maximum(drop, _detectable(n, psi, np.minimum(s, m), alpha / tests, power))
    return apart(drop, scalar)


def _to_carry_through(n: Floats, b: Floats, c: Floats, m: Floats, psi: Floats, level: float) -> Floats:
    """Further examples, flipping both ways alike, after which the score at −m is enough."""
    z = two_sided_z(level)
    low, high = np.zeros_like(n), np.maximum(n, 1.0)

    def enough(more: Floats) -> Any:
        half = more * psi / 2
        return np.asarray(tango_score(b + half, c + half, n + more, -m)) > z

    while (short := ~enough(high)).any() and high.max() < 1e15:
        high = np.where(short, 2 * high, high)
    while (wide := high - low > 1).any():
        middle = np.floor((low + high) / 2)
        done = enough(middle)
        low, high = np.where(wide & ~done, middle, low), np.where(wide & done, middle, high)
    return high


def _detectable(n: Floats, psi: Floats, from_drop: Floats, alpha: float, power: float) -> Floats:
    """The drop D at which the test of δ = −from_drop rejects with `power`, by halving."""
    z_alpha, z_beta = -float(normal_quantile(alpha)), float(normal_quantile(power))
    low, high = from_drop.copy(), np.ones_like(n)
    for _ in range(40):
        drop = (low + high) / 2
        half = np.minimum(psi, 1 - drop) / 2
        score = np.asarray(tango_score(n * half, n * (half + drop), n, -from_drop))
        distance = np.maximum(drop - from_drop, 1e-300)
        at_null = np.sqrt(n) * distance / np.maximum(-score, 1e-300)
        found = np.sqrt(n) * distance >= z_alpha * at_null + z_beta * np.sqrt(np.maximum(2 * half + drop - drop * drop, 0.0))
        low, high = np.where(found, low, drop), np.where(found, drop, high)
    return high

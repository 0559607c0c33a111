"""How much slower is one model than the other, from interleaved rounds: a t interval over the rounds' log ratios.

The requests of one round are not independent, so the round is the unit: one log ratio of two percentiles per round. What
disturbs both models of a round alike cancels in it. Ratios are candidate / original of a duration: above 1 is slower.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from harness.stats.distributions import noncentral_t_cdf, noncentral_t_shift, t_cdf, t_quantile
from harness.stats.numbers import Array, check_level

FEWEST_ROUNDS = 5
"""Below this the spread between rounds cannot be told from chance."""

MOST_ROUNDS = 10_000
"""More rounds than this are no advice to give."""


@dataclass(frozen=True)
class RoundRatio:
    """The geometric mean of the rounds' ratios with its t interval; `spread` is the standard deviation of the log ratio."""

    ratio: float
    low: float
    high: float
    spread: float
    rounds: int


def round_ratio(log_ratios: Array, level: float = 0.90) -> RoundRatio:
    """Ratio of two durations from (rounds,) log ratios, with the two-sided t interval on the log scale.

    `ValueError` below five rounds.

    >>> import numpy as np
    >>> found = round_ratio(np.log([1.1, 1.2, 1.1, 1.2, 1.1, 1.2]))
    >>> round(found.ratio, 4), round(found.low, 4), round(found.high, 4)
    (1.1489, 1.1047, 1.1949)
    """
    check_level(level)
    logs = np.asarray(log_ratios, dtype=np.float64)
    if len(logs) < FEWEST_ROUNDS:
        raise ValueError(f"a ratio needs at least {FEWEST_ROUNDS} rounds, not {len(logs)}")
    mean, spread = float(logs.mean()), float(logs.std(ddof=1))
    half = float(t_quantile((1 + level) / 2, len(logs) - 1)) * spread / math.sqrt(len(logs))
    return RoundRatio(math.exp(mean), math.exp(mean - half), math.exp(mean + half), spread, len(logs))


@dataclass(frozen=True)
class Trend:
    """A straight line through the rounds: its change from the first round to the last (log scale), and the p of no slope."""

    change: float
    p: float


def trend(log_ratios: Array) -> Trend:
    """Whether the ratio moved while it was measured: ordinary least squares on the round's number, two-sided t test.

    >>> import numpy as np
    >>> found = trend(np.array([0.0, 0.011, 0.019, 0.03, 0.041]))
    >>> round(found.change, 3), found.p < 0.001
    (0.04, True)
    """
    logs = np.asarray(log_ratios, dtype=np.float64)
    logs = logs - logs[0]  # so that equal ones are exactly zero
    count = len(logs)
    at = np.arange(count) - (count - 1) / 2
    slope = float(at @ logs) / float(at @ at)
    rest = logs - logs.mean() - slope * at
    variance = float(rest @ rest) / (count - 2) / float(at @ at)
    change = slope * (count - 1)
    if variance <= 0:
        return Trend(change, 1.0 if slope == 0 else 0.0)
    return Trend(change, 2 * float(t_cdf(-abs(slope) / math.sqrt(variance), count - 2)))


@cache
def provable_factor(rounds: int, power: float = 0.80, level: float = 0.90) -> float:
    """The log margin that so many rounds prove with this power, in standard deviations of the round's log ratio.

    For models of equal speed; exact, by the noncentral t distribution. Rounded up, since it has to be provable:

    >>> [math.ceil(provable_factor(rounds) * 100) / 100 for rounds in (5, 6, 8, 10, 15, 20)]
    [1.36, 1.19, 0.98, 0.86, 0.68, 0.58]
    """
    degrees = rounds - 1
    return float(noncentral_t_shift(degrees, 1 - power, t_quantile((1 + level) / 2, degrees))) / math.sqrt(rounds)


def proving_power(rounds: int, distance: float, level: float = 0.90) -> float:
    """Probability that so many rounds prove a distance (in standard deviations of the round's log ratio) to be above 0.

    >>> round(proving_power(8, 0.98), 2)
    0.8
    """
    degrees = rounds - 1
    return 1 - float(noncentral_t_cdf(degrees, distance * math.sqrt(rounds), t_quantile((1 + level) / 2, degrees)))


def rounds_needed(distance: float, spread: float, power: float = 0.80, level: float = 0.90) -> int | None:
    """Rounds in all to prove a distance on the log scale when the rounds spread so; None when that is beyond reach.

    >>> rounds_needed(distance=0.02, spread=0.02)
    8
    """
    if distance <= 0:
        return None
    low, high = FEWEST_ROUNDS, MOST_ROUNDS
    if provable_factor(high, power, level) * spread > distance:
        return None
    while low < high:
        middle = (low + high) // 2
        if provable_factor(middle, power, level) * spread <= distance:
            high = middle
        else:
            low = middle + 1
    return low

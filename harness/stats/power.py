"""What right-or-wrong outcomes can prove, by exact enumeration of everything that n examples may show.

`flip_rate` is the share of examples on which exactly one of the two models is right although nothing was lost: half of
them gained, half of them lost. A true `drop` adds losses to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.stats.distributions import binomial_cdf, binomial_pmf, two_sided_z
from harness.stats.numbers import Floats, check_level
from harness.stats.tango import tango_score


@dataclass(frozen=True)
class Chances:
    """Probabilities of the three outcomes of the whole; they sum to 1."""

    passing: float
    failing: float

    @property
    def inconclusive(self) -> float:
        """Neither proven within nor proven outside the margin."""
        return max(1 - self.passing - self.failing, 0.0)


def chances(n: int, gain: float, loss: float, margin: float, level: float = 0.90) -> Chances:
    """Chances of the outcomes when each of `n` examples is gained and lost with the probabilities `gain` and `loss`.

    Sums over all numbers of flips that are not vanishingly rare (together below 1e-12) and, for each, over the losses
    that still pass or already fail. Takes milliseconds, whatever n.
    """
    check_level(level)
    _check_plan(n, gain + loss, margin)
    if gain < 0 or loss < 0:
        raise ValueError("probabilities of gain and loss are zero or more")
    flip_rate = gain + loss
    flips = _likely_flips(n, flip_rate)
    weights = binomial_pmf(flips, n, flip_rate)
    z = two_sided_z(level)
    share = loss / flip_rate if flip_rate > 0 else 0.0
    most_passing = _last_loss(flips, n, margin, z)
    most_undecided = _last_loss(flips, n, margin, -z)
    passing = float((weights * binomial_cdf(most_passing, flips, share)).sum())
    failing = float((weights * (1 - binomial_cdf(most_undecided, flips, share))).sum())
    return Chances(min(passing, 1.0), min(failing, 1.0))


def power_binary(n: int, flip_rate: float, margin: float, drop: float = 0.0, level: float = 0.90) -> float:
    """P(PASS) of the whole when the candidate truly lost `drop`; with 0, how often a model that lost nothing passes.

    >>> round(power_binary(300, 0.05, 0.02), 2)
    0.43
    """
    gain, loss = _split_flips(flip_rate, drop)
    return chances(n, gain, loss, margin, level).passing


def detection_power(n: int, flip_rate: float, margin: float, drop: float, level: float = 0.90) -> float:
    """P(FAIL) of the whole when the candidate truly lost `drop`."""
    gain, loss = _split_flips(flip_rate, drop)
    return chances(n, gain, loss, margin, level).failing


def smallest_provable_margin(n: int, flip_rate: float, power: float = 0.8, level: float = 0.90) -> float | None:
    """The smallest margin within which a model that lost nothing is proven with probability `power`; None when none is.

    Exact, to 1e-6. P(PASS) never falls as the margin widens.
    """
    _check_share("power", power)
    low, high = 0.0, 1.0 - 1e-9
    if power_binary(n, flip_rate, high, 0.0, level) < power:
        return None
    while high - low > 1e-6:
        middle = (low + high) / 2
        if power_binary(n, flip_rate, middle, 0.0, level) >= power:
            high = middle
        else:
            low = middle
    return high


def observed_false_alarm(n: int, flip_rate: float, margin: float, drop: float = 0.0) -> float:
    """How often the rule "fail when the observed drop exceeds the margin" fires when the true drop is `drop`. Exact.

    >>> round(observed_false_alarm(100, 0.10, 0.02), 2)
    0.21
    """
    gain, loss = _split_flips(flip_rate, drop)
    _check_plan(n, gain + loss, margin)
    flips = _likely_flips(n, gain + loss)
    weights = binomial_pmf(flips, n, gain + loss)
    share = loss / (gain + loss) if gain + loss > 0 else 0.0
    tolerated = np.floor((flips + n * margin) / 2 + 1e-9)
    return float((weights * (1 - binomial_cdf(tolerated, flips, share))).sum())


def _split_flips(flip_rate: float, drop: float) -> tuple[float, float]:
    """Probabilities of gain and loss."""
    _check_share("flip_rate", flip_rate)
    if not -1 <= drop <= 1:
        raise ValueError(f"drop is a share between -1 and 1, not {drop:g}")
    half = min(flip_rate, 1 - abs(drop)) / 2
    return half + max(-drop, 0.0), half + max(drop, 0.0)


def _likely_flips(n: int, flip_rate: float) -> Floats:
    """All numbers of flips but those in tails of less than 1e-12."""
    centre, spread = n * flip_rate, np.sqrt(n * flip_rate * (1 - flip_rate))
    first, last = max(0.0, np.floor(centre - 8 * spread - 30)), min(float(n), np.ceil(centre + 8 * spread + 30))
    return np.arange(first, last + 1)


def _last_loss(flips: Floats, n: int, margin: float, z: float) -> Floats:
    """For each number of flips the largest number of losses with a score above `z` at −margin; −1 when there is none.

    The score falls with every loss, so that halving finds it.
    """
    low, high = np.full_like(flips, -1.0), flips.copy()
    while (high > low).any():
        middle = np.ceil((low + high) / 2)
        above = tango_score(flips - middle, middle, float(n), -margin) > z
        low, high = np.where(above, middle, low), np.where(above, high, middle - 1)
    return low


def _check_plan(n: int, flip_rate: float, margin: float) -> None:
    if n < 1:
        raise ValueError("a plan needs at least one example")
    _check_share("the share of flips", flip_rate)
    if not margin >= 0:
        raise ValueError("a margin is a tolerated loss: zero or more")


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1 + 1e-12:
        raise ValueError(f"{name} is a share between 0 and 1, not {value:g}")

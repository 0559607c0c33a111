"""Paired bootstrap of a difference of whole-set metrics (macro-F1, correlation…), bias-corrected and accelerated.

Efron B. (1987), Better bootstrap confidence intervals, Journal of the American Statistical Association 82, 171–185.

What is drawn are cells: groups of interchangeable examples with a multiplicity, such as the pairs of predictions per true class. A million
examples of a three-class task are at most 27 cells, and a replicate costs no more than those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from harness.errors import MeasurementError
from harness.stats.distributions import normal_cdf, normal_quantile
from harness.stats.numbers import Array, Floats, check_level

Statistic = Callable[[Floats], Floats]
"""(B, k) weights → (B,) values of the difference, NaN where it does not exist."""

MOST_MISSING = 0.05
"""Share of replicates on which the difference may not exist, before it counts as not estimable."""

_CHUNK = 2_000_000
_JACKKNIFE_BLOCKS = 500


@dataclass(frozen=True)
class BcaResult:
    """The difference, its two-sided interval, the (B,) replicates on which it exists, and how many had to be left out."""

    value: float
    low: float
    high: float
    replicates: Floats
    missing: int = 0


def bca(
    statistic: Statistic,
    counts: Array,
    groups: Array | None = None,
    resamples: int = 2000,
    level: float = 0.90,
    seed: int = 0,
) -> BcaResult:
    """BCa interval of `statistic`, a difference candidate − original on weightings of k cells.

    `counts` (k,) is how many examples each cell holds; examples are drawn with replacement. With `groups` (k,), the
    cluster of each cell (integers ≥ 0), whole clusters are drawn instead. Memory stays bounded whatever `resamples` is.
    `MeasurementError` when the difference does not exist on the data or on more than 5 % of the replicates.
    """
    check_level(level)
    counts = np.asarray(counts, dtype=np.float64)
    value = float(statistic(counts[np.newaxis])[0])
    if np.isnan(value):
        raise MeasurementError("the difference does not exist on these examples")
    units = _Units.of(counts, groups)
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([statistic(units.draw(size, rng)) for size in _chunks(resamples, len(counts))])
    replicates = drawn[~np.isnan(drawn)]
    missing = len(drawn) - len(replicates)
    if missing > MOST_MISSING * resamples:
        raise MeasurementError(
            f"the difference does not exist on {missing} of {resamples} resamples: too few examples of some class to judge it"
        )
    left_out, times = units.jackknife(statistic, rng)
    low, high = _limits(value, replicates, _acceleration(left_out, times), level)
    return BcaResult(value, low, high, replicates, missing)


def bootstrap_p_harm(replicates: Array, delta0: float) -> float:
    """One-sided p of H0: difference ≥ `delta0`: (1 + replicates not below it) / (1 + replicates).

    Its smallest value is 1 / (B + 1); families of k segments need B ≥ 40 k to be able to reject at 5 %.
    """
    return (1 + int((replicates >= delta0).sum())) / (1 + len(replicates))


@dataclass(frozen=True)
class _Units:
    """What is drawn: `size` units, unit i with probability `chance[i]`; `members` gives each cell's unit, None for itself."""

    counts: Floats
    chance: Floats
    size: int
    members: Array | None

    @classmethod
    def of(cls, counts: Floats, groups: Array | None) -> _Units:
        if groups is None:
            return cls(counts, counts / counts.sum(), int(counts.sum()), None)
        _, members = np.unique(groups, return_inverse=True)
        present = np.bincount(members, weights=counts) > 0
        return cls(counts, present / present.sum(), int(present.sum()), members)

    def draw(self, size: int, rng: np.random.Generator) -> Floats:
        """(size, k) weights of the cells."""
        times = self._times(size, rng)
        return times if self.members is None else times[:, self.members] * self.counts

    def _times(self, size: int, rng: np.random.Generator) -> Floats:
        """(size, units) how often each unit is drawn; one by one where units are hardly fewer than draws, which is faster."""
        if self.size > 4 * len(self.chance):
            return rng.multinomial(self.size, self.chance, size=size).astype(np.float64)
        who = np.repeat(np.arange(len(self.chance)), np.rint(self.chance * self.size).astype(np.int64))
        drawn = who[rng.integers(self.size, size=(size, self.size))] + len(self.chance) * np.arange(size)[:, np.newaxis]
        return np.bincount(drawn.ravel(), minlength=size * len(self.chance)).reshape(size, -1).astype(np.float64)

    def jackknife(self, statistic: Statistic, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """The statistic with one unit left out at a time, and how many units each value stands for.

        Many distinct units are left out in blocks drawn at random: the acceleration has the same expectation, at a
        cost that does not grow with their square.
        """
        present = np.flatnonzero(self.chance)
        if len(present) <= _JACKKNIFE_BLOCKS:
            times = self.counts[present] if self.members is None else np.ones(len(present))
            parts = (self._without_one(units) for units in _split(present, len(self.counts)))
        else:
            times = np.ones(_JACKKNIFE_BLOCKS)
            cells, blocks = self._blocks(rng)
            parts = (self._without_blocks(some, cells, blocks) for some in _split(np.arange(_JACKKNIFE_BLOCKS), len(self.counts)))
        return np.concatenate([statistic(weights) for weights in parts]), times

    def _without_one(self, units: Array) -> Floats:
        weights = np.repeat(self.counts[np.newaxis], len(units), axis=0)
        if self.members is None:
            weights[np.arange(len(units)), units] -= 1
        else:
            weights[units[:, np.newaxis] == self.members[np.newaxis]] = 0
        return weights

    def _blocks(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """The cell of every example, and the block it falls into; whole clusters fall into one."""
        cells = np.repeat(np.arange(len(self.counts)), self.counts.astype(np.int64))
        if self.members is None:
            return cells, rng.permutation(len(cells)) % _JACKKNIFE_BLOCKS
        return cells, (rng.permutation(len(self.chance)) % _JACKKNIFE_BLOCKS)[self.members[cells]]

    def _without_blocks(self, some: Array, cells: Array, blocks: Array) -> Floats:
        k = len(self.counts)
        return np.stack([self.counts - np.bincount(cells[blocks == block], minlength=k) for block in some])


def _acceleration(left_out: Floats, times: Floats) -> float:
    """Skewness of the influence of single units, over six."""
    known = ~np.isnan(left_out)
    left_out, times = left_out[known], times[known]
    if not times.sum():
        return 0.0
    influence = np.average(left_out, weights=times) - left_out
    squares = float((times * influence**2).sum())
    return float((times * influence**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0


def _limits(value: float, replicates: Floats, acceleration: float, level: float) -> tuple[float, float]:
    size = len(replicates)
    below = ((replicates < value).sum() + (replicates == value).sum() / 2) / size
    bias = normal_quantile(np.clip(below, 0.5 / size, 1 - 0.5 / size))
    shifted = bias + normal_quantile(np.array([1 - level, 1 + level]) / 2)
    shares = normal_cdf(bias + shifted / np.maximum(1 - acceleration * shifted, 1e-6))
    low, high = np.quantile(replicates, shares)
    return float(low), float(high)


def _chunks(resamples: int, cells: int) -> Iterator[int]:
    most = max(_CHUNK // max(cells, 1), 1)
    for start in range(0, resamples, most):
        yield min(most, resamples - start)


def _split(rows: Array, cells: int) -> list[Array]:
    return np.array_split(rows, max(-(-len(rows) * cells // _CHUNK), 1))

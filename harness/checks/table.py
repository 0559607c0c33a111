"""Estimates of original, candidate and their paired difference, for many groups of examples at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.stats.sample_size import POWER

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Groups:
    """A disjoint family of `count` groups; `codes` (n,) gives each example's group, -1 for none."""

    codes: NDArray[np.int32]
    count: int

    @classmethod
    def everything(cls, n: int) -> Groups:
        """The whole set as one group."""
        return cls(np.zeros(n, dtype=np.int32), 1)

    def rows(self, group: int) -> NDArray[np.int64]:
        """Rows of one group, ascending."""
        order, ends = self._sorted
        return order[ends[group] : ends[group + 1]]

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows by group, and where each group begins among them: sorted once, however many groups are read."""
        order = np.argsort(self.codes, kind="stable")
        return order, np.searchsorted(self.codes[order], np.arange(self.count + 1))


NEAR_ZERO = "the original's value is within 3 standard errors of 0: a margin relative to it means little"
STANDARD_ERRORS_FROM_ZERO = 3
"""An original's value closer to 0 than this may as well be 0: then a margin relative to it is chance."""


def missing_examples(n: float, half_width: float, room: float, level: float) -> float:
    """How many more than `n` make an interval of this half width narrow enough for `room`, with probability 80 %: it shrinks with √n."""
    normal = NormalDist()
    return n * (half_width * (1 + normal.inv_cdf(POWER) / normal.inv_cdf((1 + level) / 2)) / room) ** 2 - n


def clusters_in_words(count: int, worth: float) -> str:
    """`40 clusters`, or `40 clusters, worth 17.2 of equal size`."""
    return f"{count:,} clusters" + ("" if abs(worth - count) < 0.05 else f", worth {worth:.1f} of equal size")


@dataclass(frozen=True)
class Effective:
    """What clustered right-or-wrong outcomes are worth as independent ones, (groups,) each; the counts themselves without clusters."""

    n: Floats
    gained: Floats
    lost: Floats


@dataclass(frozen=True)
class Table:
    """One row per group; all arrays (groups,).

    `delta`, `low`, `high` are candidate minus original in the direction in which more is better, so that harm is
    negative; in the unit of `margin`. `why_not[i]` says why group i cannot be judged (then its numbers are NaN), or why
    it may not PASS although its interval would allow it (`may_pass[i]` False); "" otherwise.
    `needs_more[i]` is None when more examples are not the way.
    """

    method: str
    n: NDArray[np.int64]
    original: Floats
    candidate: Floats
    original_low: Floats
    original_high: Floats
    candidate_low: Floats
    candidate_high: Floats
    delta: Floats
    low: Floats
    high: Floats
    margin: Floats
    estimable: NDArray[np.bool_]
    may_pass: NDArray[np.bool_]
    why_not: tuple[str, ...]
    needs_more: tuple[int | None, ...]
    detectable: tuple[float | None, ...]
    gained: NDArray[np.int64] | None = None
    lost: NDArray[np.int64] | None = None
    notes: tuple[tuple[str, ...], ...] = ()
    effective: Effective | None = None

    def loss_is_clear(self, group: int) -> bool:
        """Whether the interval excludes «no drop»."""
        return bool(self.high[group] < 0)

    def further(self, group: int, level: float) -> int | None:
        """About how many more examples would prove the margin with probability 80 %; None when more are not the way.

        If there is truly no drop, which is `needs_more`; where the interval excludes that, if the drop is the one seen: the
        lower limit nears it with √n.
        """
        if not self.loss_is_clear(group):
            return self.needs_more[group]
        room = float(self.margin[group] + self.delta[group])
        if not 0 < room < np.inf:
            return None
        more = missing_examples(float(self.n[group]), float(self.delta[group] - self.low[group]), room, level)
        return max(1, int(np.ceil(more))) if np.isfinite(more) else None


class Evaluator(Protocol):
    """Compares one pair of models by one metric."""

    def table(self, groups: Groups, margins: Floats) -> Table:
        """Estimates for every group, with group i's tolerated loss `margins[i]` (in the unit the check's margin is written in)."""

    def p_worse(self, groups: Groups, group: int, tolerated: float, families: int) -> float:
        """One-sided p for «group `group` lost no more than `tolerated`, or nothing at all»: the larger of both tests.

        `families` is how many p-values will be compared, for methods whose smallest p depends on their effort.
        """

    def losses(self) -> Floats | None:
        """(n,) loss of each example (positive: candidate worse), None when single examples have none."""

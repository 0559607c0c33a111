"""Mean metrics with a score per example: paired t with one planted worst case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness import stats
from harness.checks.table import Floats, Groups, Table


@dataclass(frozen=True)
class _Moments:
    n: Floats
    mean: Floats
    sd: Floats


class ScoreEvaluator:
    """Compares (n,) scores of original and candidate; differences lie in [-reach, reach] (clipped there if `clip`)."""

    def __init__(
        self,
        original: Floats,
        candidate: Floats,
        *,
        direction: Literal["higher", "lower"],
        reach: float,
        clusters: NDArray[np.int32] | None = None,
        relative: bool = False,
        level: float = 0.90,
    ) -> None:
        self.original = original
        self.candidate = candidate
        self.sign = 1.0 if direction == "higher" else -1.0
        self.reach = reach
        self.clusters = clusters
        self.relative = relative
        self.level = level
        difference = self.sign * (candidate - original)
        self.difference = np.clip(difference, -reach, reach)
        self._losses = -self.difference
        self.clipped = np.abs(difference) > reach * (1 + 1e-9)

    def table(self, groups: Groups, margins: Floats) -> Table:
        """See `Evaluator.table`. A relative margin is a line through the original: candidate − (1 ∓ r)·original, no ratio."""
        original, candidate = self._moments(groups, self.original), self._moments(groups, self.candidate)
        plain = self._moments(groups, self.difference)
        low, high = np.empty(groups.count), np.empty(groups.count)
        points = margins * np.abs(original.mean) if self.relative else margins
        if self.relative:
            for margin in np.unique(margins):
                chosen = margins == margin
                shifted = self._moments(groups, self._shifted(float(margin)))
                reach = self.reach * (1 + float(margin))
                interval = stats.planted_t_interval(shifted.n, shifted.mean, shifted.sd, reach, self.level)
                low[chosen] = (np.asarray(interval.low) - points)[chosen]
                high[chosen] = (np.asarray(interval.high) - points)[chosen]
        else:
            interval = stats.planted_t_interval(plain.n, plain.mean, plain.sd, self.reach, self.level)
            low, high = np.asarray(interval.low), np.asarray(interval.high)
        sizes = self._sizes(groups)
        return Table(
            method=f"paired t with one planted worst case, {self.level:.0%} two-sided"
            + (", on cluster means" if self.clusters is not None else ""),
            n=sizes,
            original=original.mean,
            candidate=candidate.mean,
            original_low=_t_low(original, self.level),
            original_high=_t_high(original, self.level),
            candidate_low=_t_low(candidate, self.level),
            candidate_high=_t_high(candidate, self.level),
            delta=plain.mean,
            low=low,
            high=high,
            margin=points,
            estimable=plain.n > 0,
            may_pass=self._enough_clusters(plain.n),
            why_not=tuple(self._why_not(size) for size in plain.n),
            needs_more=tuple(
                stats.needs_more_scores(float(n), float(mean), float(sd), self.reach, float(margin)) if n > 1 and margin > 0 else None
                for n, mean, sd, margin in zip(plain.n, plain.mean, plain.sd, points, strict=True)
            ),
            detectable=(None,) * groups.count,
            notes=self._notes(groups),
        )

    def p_worse(self, groups: Groups, group: int, tolerated: float, families: int) -> float:
        """See `Evaluator.p_worse`, both keys with t."""
        moments = self._moments(groups, self.difference)
        n, mean, sd = float(moments.n[group]), float(moments.mean[group]), float(moments.sd[group])
        if n < 1:
            return 1.0
        return float(stats.two_key_p_scores(n, mean, sd, self.reach, tolerated))

    def losses(self) -> Floats:
        """See `Evaluator.losses`."""
        return self._losses

    def _shifted(self, margin: float) -> Floats:
        """Positive while the candidate is within `margin` of the original's value."""
        return self.difference + margin * np.abs(self.original)

    def _sizes(self, groups: Groups) -> NDArray[np.int64]:
        return np.bincount(groups.codes[groups.codes >= 0], minlength=groups.count).astype(np.int64)

    def _moments(self, groups: Groups, values: Floats) -> _Moments:
        """n, mean and standard deviation per group, of cluster means when there are clusters."""
        inside = groups.codes >= 0
        codes, values = groups.codes[inside].astype(np.int64), values[inside]
        if self.clusters is not None:
            _, pair = np.unique(codes * (int(self.clusters.max()) + 1) + self.clusters[inside], return_inverse=True)
            first = np.zeros(int(pair.max(initial=-1)) + 1, dtype=np.int64)
            first[pair] = codes
            values = np.bincount(pair, weights=values) / np.bincount(pair)
            codes = first
        n = np.bincount(codes, minlength=groups.count).astype(np.float64)
        mean = np.bincount(codes, weights=values, minlength=groups.count) / np.maximum(n, 1)
        squares = np.bincount(codes, weights=(values - mean[codes]) ** 2, minlength=groups.count)
        return _Moments(n, mean, np.sqrt(squares / np.maximum(n - 1, 1)))

    def _enough_clusters(self, n: Floats) -> NDArray[np.bool_]:
        enough: NDArray[np.bool_] = n >= (10 if self.clusters is not None else 1)
        return enough

    def _why_not(self, size: float) -> str:
        if size == 0:
            return "no examples"
        if self.clusters is not None and size < 10:
            return f"only {size:.0f} clusters, 10 are needed"
        return ""

    def _notes(self, groups: Groups) -> tuple[tuple[str, ...], ...]:
        inside = groups.codes >= 0
        clipped = np.bincount(groups.codes[inside], weights=self.clipped[inside].astype(np.float64), minlength=groups.count)
        sizes = np.maximum(self._sizes(groups), 1)
        return tuple((f"{share:.1%} of the differences were clipped to ±{self.reach:g}",) if share > 0 else () for share in clipped / sizes)


def _t_low(moments: _Moments, level: float) -> Floats:
    return np.asarray(stats.t_interval(moments.n, moments.mean, moments.sd, level).low)


def _t_high(moments: _Moments, level: float) -> Floats:
    return np.asarray(stats.t_interval(moments.n, moments.mean, moments.sd, level).high)

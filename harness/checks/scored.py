"""Mean metrics with a score per example: paired t with one planted worst case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness import stats
from harness.checks.capped import Capped
from harness.checks.table import NEAR_ZERO, STANDARD_ERRORS_FROM_ZERO, Floats, Groups, Table, clusters_in_words
from harness.errors import MeasurementError


@dataclass(frozen=True)
class _Moments:
    """Per group what goes into a t interval; `n` counts examples or effective clusters, 0 where `why_not` says why nothing is known.

    `said` is what to note about the clusters.
    """

    n: Floats
    mean: Floats
    sd: Floats
    why_not: tuple[str, ...]
    said: tuple[str, ...]


class ScoreEvaluator:
    """Compares (n,) scores of original and candidate, optionally in clusters (n,).

    `reach` is the largest difference of two scores that the metric allows; `MeasurementError` when one exceeds it. `capped`
    is what the metric has cut off and so nothing is known of.
    """

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
        capped: Capped | None = None,
    ) -> None:
        self.original = original
        self.candidate = candidate
        self.sign = 1.0 if direction == "higher" else -1.0
        self.reach = reach
        self.clusters = clusters
        self.relative = relative
        self.level = level
        self.capped = capped
        self.difference = self.sign * (candidate - original)
        beyond = np.flatnonzero(np.abs(self.difference) > reach * (1 + 1e-9))
        if len(beyond):
            raise MeasurementError(
                f"row {beyond[0]} scores {original[beyond[0]]:g} for the original and {candidate[beyond[0]]:g} for the candidate, further "
                f"apart than the {reach:g} that the metric's bounds or cap allow; mend the metric or its declared bounds"
            )

    def table(self, groups: Groups, margins: Floats) -> Table:
        """See `Evaluator.table`. A relative margin is a line through the original: candidate − (1 ∓ r)·original, no ratio."""
        original, candidate = self._moments(groups, self.original), self._moments(groups, self.candidate)
        plain = self._moments(groups, self.difference)
        estimable = plain.n > 0
        points = margins * np.abs(original.mean) if self.relative else margins
        low, high = self._limits(groups, margins, original, plain)
        original_interval = stats.t_interval(original.n, original.mean, original.sd, self.level)
        candidate_interval = stats.t_interval(candidate.n, candidate.mean, candidate.sd, self.level)
        sizes, capped = self._sizes(groups), self._capped(groups)
        may_pass = np.array([not self._hidden(share) for share in capped], dtype=np.bool_)
        more = stats.needs_more_scores(
            plain.n, plain.mean, plain.sd, np.full(groups.count, self.reach), np.maximum(points, 0.0), self.level
        )

        def known(values: Floats) -> Floats:
            return np.where(estimable, values, np.nan)

        return Table(
            method=f"paired t with one planted worst case, {self.level * 100:.3g} % two-sided"
            + (", spread between clusters" if self.clusters is not None else ""),
            n=sizes,
            original=known(original.mean),
            candidate=known(candidate.mean),
            original_low=known(np.asarray(original_interval.low)),
            original_high=known(np.asarray(original_interval.high)),
            candidate_low=known(np.asarray(candidate_interval.low)),
            candidate_high=known(np.asarray(candidate_interval.high)),
            delta=known(plain.mean),
            low=known(low),
            high=known(high),
            margin=known(points),
            estimable=estimable,
            may_pass=may_pass,
            why_not=tuple(why or self._hidden(share) for why, share in zip(plain.why_not, capped, strict=True)),
            needs_more=tuple(
                # Clusters yet to come are taken to be as large as those that are there.
                None if count is None or n < 2 or not passable else int(np.ceil(count * size / n))
                for count, n, size, passable in zip(more, plain.n, sizes, may_pass, strict=True)
            ),
            detectable=(None,) * groups.count,
            notes=self._notes(original, capped),
        )

    def p_worse(self, groups: Groups, group: int, tolerated: float, families: int) -> float:
        """See `Evaluator.p_worse`, both keys with t."""
        rows = groups.rows(group)
        clusters = None if self.clusters is None else self.clusters[rows]
        found = _moments(Groups.everything(len(rows)), self.difference[rows], clusters)
        if found.n[0] < 1:
            return 1.0
        return float(stats.two_key_p_scores(float(found.n[0]), float(found.mean[0]), float(found.sd[0]), self.reach, tolerated))

    def losses(self) -> Floats:
        """See `Evaluator.losses`."""
        return np.asarray(-self.difference)

    def _limits(self, groups: Groups, margins: Floats, original: _Moments, plain: _Moments) -> tuple[Floats, Floats]:
        """(groups,) lower and upper limit of the difference; with a relative margin, of what its line through the original leaves.

        An example is shifted by r·sign(mean original)·original, on average by the margin r·|mean original| itself, whatever
        the signs of single scores. Less that margin again, no example lies further out than (1 + r)·reach.
        """
        if not self.relative:
            interval = stats.planted_t_interval(plain.n, plain.mean, plain.sd, self.reach, self.level)
            return np.asarray(interval.low), np.asarray(interval.high)
        low, high = np.empty(groups.count), np.empty(groups.count)
        sign = np.append(np.sign(original.mean), 0.0)  # the last stands for examples of no group, code -1
        along = sign[groups.codes] * self.original
        for margin in np.unique(margins):
            chosen = margins == margin
            shifted = self._moments(groups, self.difference + margin * along)
            centre = shifted.mean - margin * np.abs(original.mean)
            interval = stats.planted_t_interval(shifted.n, centre, shifted.sd, self.reach * (1 + margin), self.level)
            low[chosen], high[chosen] = np.asarray(interval.low)[chosen], np.asarray(interval.high)[chosen]
        return low, high

    def _moments(self, groups: Groups, values: Floats) -> _Moments:
        return _moments(groups, values, self.clusters)

    def _sizes(self, groups: Groups) -> NDArray[np.int64]:
        return np.bincount(groups.codes[groups.codes >= 0], minlength=groups.count).astype(np.int64)

    def _capped(self, groups: Groups) -> Floats:
        """(groups,) share of what is compared that either model has at the cap."""
        return np.zeros(groups.count) if self.capped is None else self.capped.shares(groups)

    def _hidden(self, share: float) -> str:
        return "" if self.capped is None else self.capped.hidden(share)

    def _notes(self, original: _Moments, capped: Floats) -> tuple[tuple[str, ...], ...]:
        notes: list[tuple[str, ...]] = []
        for n, mean, sd, share, said in zip(original.n, original.mean, original.sd, capped, original.said, strict=True):
            found = [said] if said else []
            if self.capped is not None and share > 0:
                found.append(self.capped.note(share))
            if self.relative and n and (n == 1 or abs(mean) <= STANDARD_ERRORS_FROM_ZERO * sd / np.sqrt(n)):
                found.append(NEAR_ZERO)
            notes.append(tuple(found))
        return tuple(notes)


def _moments(groups: Groups, values: Floats, clusters: NDArray[np.int32] | None) -> _Moments:
    """Of every group's (n,) `values`; the mean is over examples, with clusters too."""
    if clusters is not None:
        found = [_clustered(values[rows], clusters[rows]) for rows in map(groups.rows, range(groups.count))]
        numbers = np.array([summary for summary, _, _ in found], dtype=np.float64).reshape(-1, 3)
        return _Moments(numbers[:, 0], numbers[:, 1], numbers[:, 2], tuple(why for _, why, _ in found), tuple(said for _, _, said in found))
    inside = groups.codes >= 0
    codes, values = groups.codes[inside].astype(np.int64), values[inside]
    n = np.bincount(codes, minlength=groups.count).astype(np.float64)
    mean = np.bincount(codes, weights=values, minlength=groups.count) / np.maximum(n, 1)
    squares = np.bincount(codes, weights=(values - mean[codes]) ** 2, minlength=groups.count)
    why_not = tuple("" if size else "no examples" for size in n)
    return _Moments(n, mean, np.sqrt(squares / np.maximum(n - 1, 1)), why_not, ("",) * groups.count)


def _clustered(values: Floats, clusters: NDArray[np.int32]) -> tuple[tuple[float, float, float], str, str]:
    """Effective number of clusters, mean over examples and spread between clusters; why these are not known; how many there are."""
    if len(values) == 0:
        return (0, 0.0, 0.0), "no examples", ""
    try:
        found = stats.cluster_summary(np.unique(clusters, return_inverse=True)[1], values)
    except MeasurementError as error:
        return (0, 0.0, 0.0), str(error), ""
    return (found.n, found.mean, found.sd), "", clusters_in_words(found.clusters, found.n)

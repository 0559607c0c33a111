"""Right-or-wrong metrics: Tango's score interval on counts; Nam–Blackwelder's for margins relative to the original."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness import stats
from harness.checks.table import NEAR_ZERO, STANDARD_ERRORS_FROM_ZERO, Effective, Floats, Groups, Table, clusters_in_words
from harness.errors import MeasurementError


@dataclass(frozen=True)
class Counts:
    """Paired counts per group; floats, because the design effect of clusters divides them."""

    both_right: Floats
    gained: Floats
    lost: Floats
    both_wrong: Floats
    why_not: tuple[str, ...]
    notes: tuple[tuple[str, ...], ...]

    @property
    def n(self) -> Floats:
        """Examples (or effective examples) per group."""
        return self.both_right + self.gained + self.lost + self.both_wrong


class BinaryEvaluator:
    """Compares (n,) right-or-wrong answers of original and candidate, optionally in clusters (n,).

    With `direction` lower the metric's value is the share of wrong answers, and a margin relative to the original is one of its errors.
    """

    def __init__(
        self,
        original: NDArray[np.bool_],
        candidate: NDArray[np.bool_],
        clusters: NDArray[np.int32] | None = None,
        *,
        direction: Literal["higher", "lower"] = "higher",
        relative: bool = False,
        level: float = 0.90,
    ) -> None:
        self.original = original
        self.candidate = candidate
        self.clusters = clusters
        self.lower = direction == "lower"
        self.relative = relative
        self.level = level
        self._cache: dict[int, tuple[Groups, Counts, Counts]] = {}

    def table(self, groups: Groups, margins: Floats) -> Table:
        """See `Evaluator.table`."""
        raw, counts = self._counts(groups)
        n = np.maximum(counts.n, 1e-9)
        delta, low, high = self._difference(counts, n)
        before, after = self._counted(raw)
        original, original_low, original_high = self._value(before, raw, n)
        candidate, candidate_low, candidate_high = self._value(after, raw, n)
        points = margins * original if self.relative else margins
        why_not = self._why_not(raw, counts)
        return Table(
            method=f"{'Nam–Blackwelder' if self.relative else 'Tango'} score interval, {self.level * 100:.3g} % two-sided"
            + (", divided by the design effect of the clusters" if self.clusters is not None else ""),
            n=raw.n.astype(np.int64),
            original=original,
            candidate=candidate,
            original_low=original_low,
            original_high=original_high,
            candidate_low=candidate_low,
            candidate_high=candidate_high,
            delta=delta,
            low=low,
            high=high,
            margin=margins,
            estimable=np.array([not why for why in why_not], dtype=np.bool_),
            may_pass=np.ones(groups.count, dtype=np.bool_),
            why_not=why_not,
            needs_more=_needs_more(raw, counts, points, self.level),
            detectable=_detectable(counts, points, groups.count, self.level),
            gained=raw.gained.astype(np.int64),
            lost=raw.lost.astype(np.int64),
            notes=self._notes(original, counts),
            effective=Effective(counts.n, counts.gained, counts.lost),
        )

    def p_worse(self, groups: Groups, group: int, tolerated: float, families: int) -> float:
        """See `Evaluator.p_worse`: the larger of the score test's p at the tolerated loss and McNemar's mid-p of harm."""
        _, counts = self._counts(groups)
        a, b, c, d = (float(x[group]) for x in (counts.both_right, counts.gained, counts.lost, counts.both_wrong))
        if not self.relative:
            return float(stats.two_key_p(b, c, a + b + c + d, tolerated))
        if self.lower:  # the original's errors over the candidate's: harm is below 1
            worse = stats.nam_blackwelder_p_harm(d, b, c, a, 1 / (1 + tolerated))
        else:
            worse = stats.nam_blackwelder_p_harm(a, b, c, d, 1 - tolerated)
        return max(float(worse), float(stats.mcnemar_mid_harm(b, c)))

    def losses(self) -> Floats:
        """See `Evaluator.losses`."""
        return self._losses

    def _counted(self, counts: Counts) -> tuple[Floats, Floats]:
        """(groups,) how many examples make up the value of original and candidate: right answers, or wrong ones for `lower`."""
        if self.lower:
            return counts.both_wrong + counts.gained, counts.both_wrong + counts.lost
        return counts.both_right + counts.lost, counts.both_right + counts.gained

    def _difference(self, counts: Counts, n: Floats) -> tuple[Floats, Floats, Floats]:
        """(groups,) candidate minus original, harm negative, with its limits; relative to the original's value if so asked."""
        a, b, c, d = counts.both_right, counts.gained, counts.lost, counts.both_wrong
        if not self.relative:
            interval = stats.tango_interval(a, b, c, d, level=self.level)
            return (b - c) / n, np.asarray(interval.low), np.asarray(interval.high)
        before, after = self._counted(counts)
        ratio = np.divide(after, before, out=np.ones_like(n), where=before > 0)
        if not self.lower:
            interval = stats.nam_blackwelder_interval(a, b, c, d, level=self.level)
            return ratio - 1, np.asarray(interval.low) - 1, np.asarray(interval.high) - 1
        errors = stats.nam_blackwelder_interval(d, c, b, a, level=self.level)
        return 1 - ratio, 1 - np.asarray(errors.high), 1 - np.asarray(errors.low)

    def _value(self, counted: Floats, raw: Counts, n: Floats) -> tuple[Floats, Floats, Floats]:
        """(groups,) share of examples that are `counted`, with limits that `n` effective examples give it."""
        value = counted / np.maximum(raw.n, 1)
        interval = stats.wilson_interval(value * n, n, self.level)
        return value, np.asarray(interval.low), np.asarray(interval.high)

    def _why_not(self, raw: Counts, counts: Counts) -> tuple[str, ...]:
        """Why a group cannot be judged, "" where it can."""
        before, _ = self._counted(raw)
        never = f"the original is never {'wrong' if self.lower else 'right'} here: there is nothing a relative margin could be relative to"
        return tuple(
            "no examples" if size == 0 else why or (never if self.relative and value == 0 else "")
            for size, why, value in zip(raw.n, counts.why_not, before, strict=True)
        )

    def _notes(self, original: Floats, counts: Counts) -> tuple[tuple[str, ...], ...]:
        """What there is to say of the clusters, and of a relative margin of next to nothing."""
        if not self.relative:
            return counts.notes
        error = np.sqrt(original * (1 - original) / np.maximum(counts.n, 1e-9))
        near = original <= STANDARD_ERRORS_FROM_ZERO * error
        return tuple((*notes, NEAR_ZERO) if is_near else notes for notes, is_near in zip(counts.notes, near, strict=True))

    @cached_property
    def _losses(self) -> Floats:
        return self.original.astype(np.float64) - self.candidate.astype(np.float64)

    @cached_property
    def _cell(self) -> NDArray[np.int8]:
        """(n,) 0 both wrong, 1 gained, 2 lost, 3 both right."""
        return (2 * self.original.astype(np.int8) + self.candidate.astype(np.int8)).astype(np.int8)

    def _counts(self, groups: Groups) -> tuple[Counts, Counts]:
        """Raw and effective counts per group."""
        cached = self._cache.get(id(groups))
        if cached is None:
            raw = self._raw_counts(groups)
            cached = self._cache[id(groups)] = (groups, raw, raw if self.clusters is None else self._clustered(groups, raw))
        return cached[1], cached[2]

    def _raw_counts(self, groups: Groups) -> Counts:
        inside = groups.codes >= 0
        codes, cell = (groups.codes, self._cell) if inside.all() else (groups.codes[inside], self._cell[inside])
        table = np.bincount(codes.astype(np.int64) * 4 + cell, minlength=4 * groups.count).reshape(groups.count, 4).astype(np.float64)
        nothing: tuple[str, ...] = ("",) * groups.count
        return Counts(table[:, 3], table[:, 1], table[:, 2], table[:, 0], nothing, ((),) * groups.count)

    def _clustered(self, groups: Groups, raw: Counts) -> Counts:
        assert self.clusters is not None
        scaled = {name: getattr(raw, name).copy() for name in ("both_right", "gained", "lost", "both_wrong")}
        why_not, notes = [""] * groups.count, [()] * groups.count  # type: list[str], list[tuple[str, ...]]
        for group in range(groups.count):
            rows = groups.rows(group)
            if len(rows) == 0:
                continue
            _, cluster = np.unique(self.clusters[rows], return_inverse=True)
            gained = np.bincount(cluster, weights=(self._cell[rows] == 1).astype(np.float64))
            lost = np.bincount(cluster, weights=(self._cell[rows] == 2).astype(np.float64))
            try:
                effective = stats.clustered_counts(gained, lost, np.bincount(cluster).astype(np.float64))
            except MeasurementError as error:
                why_not[group] = str(error)
                continue
            scale = effective.n / len(rows)
            for name in ("both_right", "both_wrong"):
                scaled[name][group] *= scale
            scaled["gained"][group], scaled["lost"][group] = effective.gained, effective.lost
            words = clusters_in_words(effective.clusters, effective.effective_clusters)
            notes[group] = (f"{words}, design effect {effective.design_effect:.2f}",)
        return replace(raw, **scaled, why_not=tuple(why_not), notes=tuple(notes))


def _needs_more(raw: Counts, counts: Counts, points: Floats, level: float) -> tuple[int | None, ...]:
    """Further real examples per group: effective ones times what an effective example costs."""
    wanted: list[int | None] = [None] * len(points)
    known = np.flatnonzero((counts.n > 0) & (points > 0))
    more = stats.needs_more(counts.n[known], counts.gained[known], counts.lost[known], points[known], level) if len(known) else ()
    for group, count in zip(known, more, strict=True):
        wanted[group] = None if count is None else int(np.ceil(count * raw.n[group] / counts.n[group]))
    return tuple(wanted)


def _detectable(counts: Counts, points: Floats, tests: int, level: float) -> tuple[float | None, ...]:
    """The drop that would FAIL with 80 % power at the flip rate seen."""
    found: list[float | None] = [None] * len(points)
    known = np.flatnonzero(counts.n > 0)
    if len(known):
        flips = (counts.gained + counts.lost)[known] / counts.n[known]
        drops = stats.smallest_detectable_drop(counts.n[known], flips, points[known], level=level, tests=tests)
        for group, drop in zip(known, np.atleast_1d(drops), strict=True):
            found[group] = float(drop)
    return tuple(found)

"""Right-or-wrong metrics: Tango's score interval on counts; Nam–Blackwelder's for margins relative to the original."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness import stats
from harness.checks.table import Floats, Groups, Table
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
    """Compares (n,) right-or-wrong answers of original and candidate, optionally in clusters (n,)."""

    def __init__(
        self,
        original: NDArray[np.bool_],
        candidate: NDArray[np.bool_],
        clusters: NDArray[np.int32] | None = None,
        *,
        relative: bool = False,
        level: float = 0.90,
    ) -> None:
        self.original = original
        self.candidate = candidate
        self.clusters = clusters
        self.relative = relative
        self.level = level
        self._cache: dict[int, tuple[Groups, Counts, Counts]] = {}

    def table(self, groups: Groups, margins: Floats) -> Table:
        """See `Evaluator.table`."""
        raw, counts = self._counts(groups)
        n = np.maximum(counts.n, 1e-9)
        cells = (counts.both_right, counts.gained, counts.lost, counts.both_wrong)
        delta = (counts.gained - counts.lost) / n
        if self.relative:
            interval = stats.nam_blackwelder_interval(*cells, level=self.level)
            original_right = counts.both_right + counts.lost
            ratio = np.divide(counts.both_right + counts.gained, original_right, out=np.ones_like(n), where=original_right > 0)
            delta, low, high = ratio - 1, np.asarray(interval.low) - 1, np.asarray(interval.high) - 1
        else:
            interval = stats.tango_interval(*cells, level=self.level)
            low, high = np.asarray(interval.low), np.asarray(interval.high)
        original = (raw.both_right + raw.lost) / np.maximum(raw.n, 1)
        candidate = (raw.both_right + raw.gained) / np.maximum(raw.n, 1)
        original_interval = stats.wilson_interval(original * counts.n, n, self.level)
        candidate_interval = stats.wilson_interval(candidate * counts.n, n, self.level)
        points = margins * original if self.relative else margins
        empty = raw.n == 0
        estimable = ~empty & np.array([not why for why in counts.why_not])
        return Table(
            method=f"{'Nam–Blackwelder' if self.relative else 'Tango'} score interval, {self.level * 100:.3g} % two-sided"
            + (", divided by the design effect of the clusters" if self.clusters is not None else ""),
            n=raw.n.astype(np.int64),
            original=original,
            candidate=candidate,
            original_low=np.asarray(original_interval.low),
            original_high=np.asarray(original_interval.high),
            candidate_low=np.asarray(candidate_interval.low),
            candidate_high=np.asarray(candidate_interval.high),
            delta=delta,
            low=low,
            high=high,
            margin=margins,
            estimable=estimable,
            may_pass=np.ones(groups.count, dtype=np.bool_),
            why_not=tuple("no examples" if nothing else why for nothing, why in zip(empty, counts.why_not, strict=True)),
            needs_more=_needs_more(raw, counts, points),
            detectable=_detectable(counts, points, groups.count),
            gained=raw.gained.astype(np.int64),
            lost=raw.lost.astype(np.int64),
            notes=counts.notes,
        )

    def p_worse(self, groups: Groups, group: int, tolerated: float, families: int) -> float:
        """See `Evaluator.p_worse`: the larger of the score test's p at the tolerated loss and McNemar's mid-p of harm."""
        _, counts = self._counts(groups)
        a, b, c, d = (float(x[group]) for x in (counts.both_right, counts.gained, counts.lost, counts.both_wrong))
        if self.relative:
            return max(float(stats.nam_blackwelder_p_harm(a, b, c, d, 1 - tolerated)), float(stats.mcnemar_mid_harm(b, c)))
        return float(stats.two_key_p(b, c, a + b + c + d, tolerated))

    def losses(self) -> Floats:
        """See `Evaluator.losses`."""
        return self._losses

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
            notes[group] = (f"{effective.clusters} clusters, design effect {effective.design_effect:.2f}",)
        return replace(raw, **scaled, why_not=tuple(why_not), notes=tuple(notes))


def _needs_more(raw: Counts, counts: Counts, points: Floats) -> tuple[int | None, ...]:
    """Further real examples per group: effective ones times what an effective example costs."""
    wanted: list[int | None] = [None] * len(points)
    known = np.flatnonzero((counts.n > 0) & (points > 0))
    more = stats.needs_more(counts.n[known], counts.gained[known], counts.lost[known], points[known]) if len(known) else ()
    for group, count in zip(known, more, strict=True):
        wanted[group] = None if count is None else int(np.ceil(count * raw.n[group] / counts.n[group]))
    return tuple(wanted)


def _detectable(counts: Counts, points: Floats, tests: int) -> tuple[float | None, ...]:
    """The drop that would FAIL with 80 % power at the flip rate seen."""
    found: list[float | None] = [None] * len(points)
    known = np.flatnonzero(counts.n > 0)
    if len(known):
        flips = (counts.gained + counts.lost)[known] / counts.n[known]
        drops = stats.smallest_detectable_drop(counts.n[known], flips, points[known], tests=tests)
        for group, drop in zip(known, np.atleast_1d(drops), strict=True):
            found[group] = float(drop)
    return tuple(found)

"""Metrics of a whole set: paired DeLong for AUROC, the paired BCa bootstrap for the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness import stats
from harness.checks.capped import Capped
from harness.checks.planting import PLANTED, Plant, Units
from harness.checks.table import Floats, Groups, Table, missing_examples
from harness.errors import MeasurementError
from harness.metrics.metric import Statistic

SMALLEST_CLASS_TO_PASS = 10
SMALLEST_CLASS_TO_TRUST = 30
FEWEST_WITHOUT_PLANTING = 300
"""Examples (of the smallest class, or clusters) a PASS needs where no planted failure moves the metric, so that planting proves nothing."""

NO_WORST_ANSWER = (
    "one rare total loss could be of any size, and the metric has no worst answer: declare `cap:`, the largest error that counts, "
    "or the `bounds:` of your own metric, and a PASS becomes possible"
)

RESAMPLES = 2_000
RESAMPLES_PER_FAMILY_MEMBER = 40


class StatisticEvaluator:
    """Compares a whole-set statistic of original and candidate by the paired bootstrap."""

    def __init__(
        self,
        original: Statistic,
        candidate: Statistic,
        *,
        direction: Literal["higher", "lower"],
        clusters: NDArray[np.int32] | None = None,
        relative: bool = False,
        level: float = 0.90,
        seed: int = 0,
        plant: Plant | None = None,
        classes: NDArray[np.int64] | None = None,
        capped: Capped | None = None,
    ) -> None:
        """`plant` gives the candidate's examples failed twins. `classes` (n,) are the true classes of tasks that have them.

        `capped` is what the metric has cut off and so nothing is known of.
        """
        self.plant = plant
        self.classes = classes
        self.capped = capped
        self.original = original
        self.candidate = candidate
        self.sign = 1.0 if direction == "higher" else -1.0
        self.clusters = clusters
        self.relative = relative
        self.level = level
        self.seed = seed

    def table(self, groups: Groups, margins: Floats) -> Table:
        """See `Evaluator.table`; `MeasurementError` when the metric does not exist on all examples together: then nothing was measured."""
        columns: dict[str, Floats] = {
            name: np.full(groups.count, np.nan) for name in ("original", "candidate", "delta", "low", "high", "margin")
        }
        n = np.zeros(groups.count, dtype=np.int64)
        why_not, notes = [""] * groups.count, [()] * groups.count  # type: list[str], list[tuple[str, ...]]
        may_pass, estimable = np.ones(groups.count, dtype=np.bool_), np.zeros(groups.count, dtype=np.bool_)
        for group in range(groups.count):
            rows = groups.rows(group)
            n[group] = len(rows)
            columns["margin"][group] = margins[group]
            if few := self._few_clusters(rows):
                why_not[group] = few
                continue
            why_not[group], may_pass[group], notes[group] = self._class_sizes(rows)
            everything = len(rows) == len(groups.codes)
            if everything and why_not[group] and may_pass[group]:
                raise MeasurementError(why_not[group])
            if len(rows) == 0 or (why_not[group] and may_pass[group]):
                continue
            try:
                found = self._compare(rows, float(margins[group]))
            except MeasurementError as error:
                if everything:
                    raise
                why_not[group] = str(error)
                continue
            estimable[group] = True
            for name, value in found.items():
                columns[name][group] = value
        nothing = np.full(groups.count, np.nan)
        self._hide(groups, may_pass, why_not, notes)
        provable = estimable & may_pass & (columns["low"] > -columns["margin"])
        for group, why in self._undone(groups, np.flatnonzero(provable), columns["margin"]).items():
            may_pass[group], why_not[group] = False, why
        return Table(
            method=f"paired BCa bootstrap, {self.level * 100:.3g} % two-sided; "
            f"a PASS survives {PLANTED} planted failures{self._of_clusters}",
            n=n,
            original_low=nothing,
            original_high=nothing,
            candidate_low=nothing,
            candidate_high=nothing,
            estimable=estimable,
            may_pass=may_pass,
            why_not=tuple(why_not),
            original=columns["original"],
            candidate=columns["candidate"],
            delta=columns["delta"],
            low=columns["low"],
            high=columns["high"],
            margin=columns["margin"],
            needs_more=tuple(
                _needs_more(float(size), float(low), float(high), float(delta), float(margin), self.level) if ok else None
                for size, low, high, delta, margin, ok in zip(
                    n, columns["low"], columns["high"], columns["delta"], columns["margin"], estimable, strict=True
                )
            ),
            detectable=(None,) * groups.count,
            notes=tuple(notes),
        )

    def p_worse(self, groups: Groups, group: int, tolerated: float, families: int) -> float:
        """See `Evaluator.p_worse`, from bootstrap replicates of the difference: what tolerates more has the larger p of both tests."""
        rows = groups.rows(group)
        result = self._replicates(rows, 0.0, max(RESAMPLES, RESAMPLES_PER_FAMILY_MEMBER * families))
        return float(stats.bootstrap_p_harm(result.replicates, -tolerated))

    def losses(self) -> None:
        """Single examples have no loss."""
        return None

    def _hide(self, groups: Groups, may_pass: NDArray[np.bool_], why_not: list[str], notes: list[tuple[str, ...]]) -> None:
        """Notes what reaches the cap, and takes the PASS from groups of which the cap hides too much."""
        if self.capped is None:
            return
        for group, share in enumerate(self.capped.shares(groups)):
            notes[group] += (self.capped.note(share),) if share > 0 else ()
            if (why := self.capped.hidden(share)) and not why_not[group]:
                may_pass[group], why_not[group] = False, why

    def _undone(self, groups: Groups, passing: NDArray[np.int64], margins: Floats) -> dict[int, str]:
        """Groups whose PASS would not survive `PLANTED` failures where they hurt most, with the reason."""
        if self.plant is None or not len(passing):
            return {}
        units = {int(group): self._units(groups.rows(int(group))) for group in passing}
        try:
            planted = self.plant(np.concatenate([found.twins for found in units.values()]))
        except MeasurementError:
            return dict.fromkeys(units, NO_WORST_ANSWER)
        first, undone = len(groups.codes), {}
        for group, found in units.items():
            if why := self._why_undone(groups.rows(group), found.worst(planted, first, self.sign), float(margins[group])):
                undone[group] = why
            first += len(found.twins)
        return undone

    def _why_undone(self, rows: NDArray[np.int64], planted: Floats, margin: float) -> str:
        """Why planted failures, with which the candidate's values are (v,) `planted`, undo the PASS of a group; "" when they do not."""
        original = float(self.original.values(rows, np.ones((1, len(rows))))[0])
        if not (self.sign * (planted - original) > -margin).all():
            what = "clusters" if self.clusters is not None else "examples"
            return f"{PLANTED} more failures{self._of_clusters} would undo the proof: more {what} are needed"
        size, what = self._smallest(rows)
        if len(planted) or size >= FEWEST_WITHOUT_PLANTING:
            return ""
        return f"no further failure would move the metric, so it proves little: {FEWEST_WITHOUT_PLANTING} {what} are needed, not {size}"

    def _units(self, rows: NDArray[np.int64]) -> Units:
        """What may fail in a group: clusters, or examples by class."""
        chosen, counts, clusters = self._cells(rows)
        if clusters is not None:
            return Units.clusters(chosen, clusters)
        classes = np.zeros(len(chosen), dtype=np.int64) if self.classes is None else self.classes[chosen]
        return Units.examples(chosen, counts, classes)

    def _smallest(self, rows: NDArray[np.int64]) -> tuple[int, str]:
        """What limits the evidence of a group: its clusters, its smallest class, or its examples."""
        if self.clusters is not None:
            return len(np.unique(self.clusters[rows])), "clusters"
        counts = self.original.class_counts(rows)
        return (len(rows), "examples") if counts is None else (int(counts[counts > 0].min()), "examples of every class")

    @property
    def _of_clusters(self) -> str:
        return " of whole clusters" if self.clusters is not None else ""

    def _few_clusters(self, rows: NDArray[np.int64]) -> str:
        """Why nothing is said of a group, "" when it has clusters enough or none are declared."""
        if self.clusters is None or not len(rows):
            return ""
        try:
            stats.cluster_summary(np.unique(self.clusters[rows], return_inverse=True)[1], np.zeros(len(rows)))
        except MeasurementError as error:
            return str(error)
        return ""

    def _class_sizes(self, rows: NDArray[np.int64]) -> tuple[str, bool, tuple[str, ...]]:
        """(why it cannot be judged or passed, whether it may pass, notes)."""
        if len(rows) == 0:
            return "no examples", True, ()
        counts = self.original.class_counts(rows)
        if counts is None:
            return "", True, ()
        present = counts[counts > 0]
        if len(present) < 2:
            return "only one class here: the metric is not estimable", True, ()
        smallest = int(present.min())
        if smallest < SMALLEST_CLASS_TO_PASS:
            return f"its smallest class has {smallest} examples, {SMALLEST_CLASS_TO_PASS} are needed to pass", False, ()
        if smallest < SMALLEST_CLASS_TO_TRUST:
            return "", True, (f"its smallest class has only {smallest} examples",)
        return "", True, ()

    def _compare(self, rows: NDArray[np.int64], margin: float) -> dict[str, float]:
        """The columns of one group; `MeasurementError` when the metric does not exist on it."""
        ones = np.ones((1, len(rows)))
        original, candidate = float(self.original.values(rows, ones)[0]), float(self.candidate.values(rows, ones)[0])
        if not (np.isfinite(original) and np.isfinite(candidate)):
            raise MeasurementError("the metric does not exist on these examples")
        shift = margin if self.relative else 0.0
        result = self._replicates(rows, shift, RESAMPLES)
        offset = shift * abs(original)
        return {
            "original": original,
            "candidate": candidate,
            "delta": self.sign * (candidate - original),
            "low": result.low - offset,
            "high": result.high - offset,
            "margin": margin * abs(original) if self.relative else margin,
        }

    def _replicates(self, rows: NDArray[np.int64], shift: float, resamples: int) -> stats.BcaResult:
        """Bootstrap of candidate − original (+ shift × |original|), over cells of interchangeable examples where there are any."""
        chosen, counts, groups = self._cells(rows)

        def difference(weights: Floats) -> Floats:
            original = self.original.values(chosen, weights)
            return self.sign * (self.candidate.values(chosen, weights) - original) + shift * np.abs(original)

        return stats.bca(difference, counts, groups=groups, resamples=resamples, level=self.level, seed=self.seed)

    def _cells(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64] | None]:
        """Representative rows, how many examples each stands for, and their clusters."""
        if self.clusters is not None:
            return rows, np.ones(len(rows)), self.clusters[rows].astype(np.int64)
        one, other = self.original.cells(), self.candidate.cells()
        if one is None or other is None:
            return rows, np.ones(len(rows)), None
        both = one[rows] * (int(other.max(initial=0)) + 1) + other[rows]
        _, first, counts = np.unique(both, return_index=True, return_counts=True)
        return rows[first], counts.astype(np.float64), None


class AurocEvaluator(StatisticEvaluator):
    """AUROC by paired DeLong; clusters and relative margins go the bootstrap's way."""

    def __init__(
        self,
        original: Statistic,
        candidate: Statistic,
        *,
        scores: tuple[Floats, Floats],
        positive: NDArray[np.bool_],
        level: float = 0.90,
    ) -> None:
        super().__init__(original, candidate, direction="higher", level=level)
        self.scores = scores
        self.positive = positive

    def table(self, groups: Groups, margins: Floats) -> Table:
        """See `Evaluator.table`. A PASS must also survive one more example of the smaller class that is ranked worst."""
        table = super().table(groups, margins)
        may_pass, why_not = table.may_pass.copy(), list(table.why_not)
        for group in np.flatnonzero(table.estimable & table.may_pass & (table.low > -table.margin)):
            if self._delong(groups.rows(int(group))).planted.low <= -table.margin[group]:
                may_pass[group] = False
                why_not[group] = "one more badly ranked example of the smaller class would undo the proof: more of that class are needed"
        method = f"paired DeLong with t, {self.level * 100:.3g} % two-sided; a PASS survives one planted worst case"
        return replace(table, method=method, may_pass=may_pass, why_not=tuple(why_not))

    def p_worse(self, groups: Groups, group: int, tolerated: float, families: int) -> float:
        """See `Evaluator.p_worse`, with DeLong's t: what tolerates more has the larger p of both tests."""
        return self._delong(groups.rows(group)).p_harm(-tolerated)

    def _delong(self, rows: NDArray[np.int64]) -> stats.PairedAuroc:
        return stats.delong(self.scores[0][rows], self.scores[1][rows], self.positive[rows], level=self.level)

    def _compare(self, rows: NDArray[np.int64], margin: float) -> dict[str, float]:
        found = self._delong(rows)
        return {
            "original": found.original,
            "candidate": found.candidate,
            "delta": found.difference,
            "low": found.low,
            "high": found.high,
            "margin": margin,
        }


def _needs_more(n: float, low: float, high: float, delta: float, margin: float, level: float) -> int | None:
    """Examples still missing if there is truly no drop."""
    if delta <= -margin or margin <= 0:
        return None
    more = missing_examples(n, (high - low) / 2, margin, level)
    return int(np.ceil(more)) if more > 0 else None

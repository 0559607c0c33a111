"""The check `quality`: any metric, for the whole and per segment."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness import stats
from harness.arrays.baseline import Side
from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.catalogue import Parameters
from harness.catalogue.parameters import ChangeField
from harness.catalogue.refs import MetricRef
from harness.checks.binary import BinaryEvaluator
from harness.checks.capped import Capped
from harness.checks.check import Needs, PowerNote
from harness.checks.examples import worst_reader
from harness.checks.judging import Rules, judge
from harness.checks.material import Material
from harness.checks.mixed_labels import ADVICE
from harness.checks.parameters import CommonParameters
from harness.checks.planting import with_failed_twins, with_twins
from harness.checks.recall import Recalled, recall
from harness.checks.scored import ScoreEvaluator
from harness.checks.table import Evaluator, Groups
from harness.checks.trust import (
    distrust,
    error_everywhere,
    invalid_everywhere,
    one_answer,
    with_failures,
    with_label_warning,
    worse_than_guessing,
)
from harness.checks.units import UnitEvaluator
from harness.checks.whole_set import AurocEvaluator, StatisticEvaluator
from harness.core.models import OutputSpec, Task
from harness.core.numbers import percent
from harness.core.outcome import Outcome
from harness.core.segment import SegmentRule
from harness.core.units import Change
from harness.core.verdict import Verdict
from harness.errors import MeasurementError, UsageError
from harness.metrics.metric import CappedMetric, CappedStatistic, MeanMetric, Metric, MetricInfo, RankStatistic, Statistic, UnitMetric

ENOUGH_POWER = 0.80
"""A gate through which a model that lost nothing passes less often is underpowered."""


class QualityParameters(CommonParameters):
    """How much of a metric the candidate may lose."""

    metric: MetricRef = Field(description="what is compared")
    max_drop: ChangeField = Field(description="the largest tolerated loss: 2pp, 2%rel, or a number in the metric's own unit")
    decide: Literal["evidence", "observed"] = Field(default="evidence", description="by intervals, or by the literal observed difference")
    level: float = Field(default=0.90, gt=0.5, lt=1, description="level of the two-sided interval")


class QualityCheck:
    """Compares a metric of candidate and original on the same examples."""

    def __init__(self, name: str, parameters: QualityParameters, metric: Metric) -> None:
        self.name = name
        self.parameters = parameters
        self.metric = metric
        for limit in (parameters.max_drop, *(p.max_drop for p in parameters.segments.values() if p.max_drop is not None)):
            require_fitting_unit(limit, metric.info)
            if limit.unit != parameters.max_drop.unit:
                raise UsageError(
                    f"max_drop of a segmentation is {limit} and that of the whole {parameters.max_drop}; write both in one unit"
                )

    def needs(self) -> Needs:
        """See `Check.needs`."""
        return Needs(clean=True, targets=True)

    def segmentations(self) -> dict[str, SegmentRule]:
        """See `Check.segmentations`."""
        return self.parameters.rules()

    def judge(self, material: Material) -> tuple[Verdict, ...]:
        """See `Check.judge`."""
        rules = self.rules(material)
        try:
            original = self.recalled(material, "original") if material.without_original else material.original
        except MeasurementError as error:
            return invalid_everywhere(rules, material, str(error))
        if original is None and material.without_original:
            missing = f"no baseline keeps the original's outcomes; run where the original can: harness baseline accept {material.suite}"
            return error_everywhere(rules, material, missing)
        if original is None or material.outputs is None or material.examples.targets is None:
            return error_everywhere(rules, material, "there is no evidence to judge; run the suite first")
        if isinstance(original, Outputs) and (why := distrust(original, material.examples.ids)):
            return invalid_everywhere(rules, material, why)
        try:
            if isinstance(original, Outputs) and (why := worse_than_guessing(original, material.examples.targets)):
                return invalid_everywhere(rules, material, f"the original is {why}: its answers do not mean what the suite says; {ADVICE}")
            evaluator = self.evaluator(original, material.outputs, material)
            verdicts = with_label_warning(self._judged(rules, evaluator, material), material)
        except MeasurementError as error:
            return error_everywhere(rules, material, str(error))
        powered = self._with_power(verdicts[0], evaluator, len(material.examples))
        whole = self._with_chance_warning(powered, original, material.examples.targets)
        return with_failures((whole, *verdicts[1:]), material)

    def _judged(self, rules: Rules, evaluator: Evaluator, material: Material) -> tuple[Verdict, ...]:
        segmentations = {name: material.examples.segmentations[name] for name in rules.segments}
        standing = frozenset(material.baseline.segments.get(self.name, ())) if material.baseline else frozenset()
        return judge(
            evaluator, len(material.examples), rules, segmentations, worst_reader(material), standing, dict(material.minimum_sizes)
        )

    def _with_power(self, whole: Verdict, evaluator: Evaluator, n: int) -> Verdict:
        """Says when the gate, not the model, is to blame for an INCONCLUSIVE: one that flips as often and loses nothing would hardly pass.

        Not said where the interval lies within the margin and something else forbade the PASS, nor where the margin seems lost.
        """
        found, limit = whole.comparison, self.parameters.max_drop
        if whole.outcome is not Outcome.INCONCLUSIVE or found is None or found.gained is None or limit.unit != "pp":
            return whole
        if found.drop.value >= limit.amount or found.drop.high is None or found.drop.high < limit.amount:
            return whole
        effective = evaluator.table(Groups.everything(n), np.array([limit.amount])).effective
        if effective is None:
            return whole
        worth, rarer = float(effective.n[0]), float(min(effective.gained[0], effective.lost[0]))
        note = self.power(max(int(worth), 1), None, (2 * rarer + 1) / (worth + 2))
        if note is None or note.power is None or note.power >= ENOUGH_POWER:
            return whole
        return replace(whole, reason=f"underpowered gate, a perfect model passes in {percent(note.power)} of runs: {whole.reason}")

    def _with_chance_warning(self, whole: Verdict, original: Outputs | Recalled, targets: Targets) -> Verdict:
        """Warns when the original is not provably better than one constant answer: then labels or inputs are mixed up."""
        found = whole.comparison
        if found is None or self.metric.info.name != "accuracy" or found.original.low is None:
            return whole
        if targets.task not in (Task.BINARY, Task.MULTICLASS):
            return whole
        majority = float(np.bincount(targets.values.astype(np.int64)).max() / len(targets.values))
        if found.original.low > majority or majority == 1:
            return whole
        same = one_answer(original, targets) if isinstance(original, Outputs) else ""
        warning = (
            f"the original {same}is right on {percent(found.original.value, 1)}, not provably better than always giving the most frequent "
            f"answer ({percent(majority, 1)}): {ADVICE}"
        )
        return replace(whole, warnings=(*whole.warnings, warning))

    def recalled(self, material: Material, side: Side) -> Recalled | None:
        """Stored outcomes of one side of this check; `MeasurementError` when they are of other data or another measure."""
        if material.outputs is None:
            return None
        return recall(material, self.name, side, self.measure(material.outputs.spec, material.examples.target_column))

    def measure(self, spec: OutputSpec, target: str | None) -> str:
        """By what this check measures outputs of `spec` against a column, in words that are equal exactly when the measures are."""
        reference = self.parameters.metric
        chosen = reference.parameters.model_dump(mode="json") if isinstance(reference.parameters, Parameters) else {}
        about = {name: getattr(spec, name) for name in ("threshold", "positive", "ignore_index", "group")} | {"target": target}
        return json.dumps([reference.name, chosen, str(spec.task), about], sort_keys=True, default=str)

    def rules(self, material: Material) -> Rules:
        """How this check decides."""
        info, parameters = self.metric.info, self.parameters
        return Rules(
            suite=material.suite,
            candidate=material.candidate,
            check=self.name,
            metric=info.name,
            limit=parameters.max_drop,
            share=info.share,
            direction=info.direction,
            on_inconclusive=parameters.on_inconclusive,
            max_unproven=parameters.max_unproven,
            decide=parameters.decide,
            level=parameters.level,
            segments=parameters.rules(),
        )

    def evaluator(self, original: Outputs | Recalled, candidate: Outputs, material: Material) -> Evaluator:
        """The estimator that fits the metric; `MeasurementError` when metric, task and outputs do not fit."""
        targets = material.examples.targets
        assert targets is not None
        found = self._evaluator(original, candidate, targets, material.examples.clusters)
        units = self.metric.units(targets) if isinstance(self.metric, UnitMetric) else None
        return found if units is None else UnitEvaluator(found, units)

    def _evaluator(
        self, original: Outputs | Recalled, candidate: Outputs, targets: Targets, clusters: NDArray[np.int32] | None
    ) -> Evaluator:
        relative, level = self.parameters.max_drop.unit == "%rel", self.parameters.level
        if isinstance(self.metric, MeanMetric):
            before = original.scores(self.metric, targets) if isinstance(original, Recalled) else self.metric.scores(original, targets)
            scores = self.metric.scores(candidate, targets)
            capped = capped_scores(self.metric, (original, before), (candidate, scores), targets)
            return mean_evaluator(self.metric.info, before, scores, clusters, relative=relative, level=level, capped=capped)
        metric = self.metric
        prepared = original.statistic(metric, targets) if isinstance(original, Recalled) else metric.prepare(original, targets)
        after = metric.prepare(candidate, targets)
        if clusters is None and not relative and isinstance(prepared, RankStatistic) and isinstance(after, RankStatistic):
            return AurocEvaluator(prepared, after, scores=(prepared.ranking(), after.ranking()), positive=prepared.positive(), level=level)
        return StatisticEvaluator(
            prepared,
            after,
            direction=metric.info.direction,
            clusters=clusters,
            relative=relative,
            level=level,
            plant=lambda rows: metric.prepare(with_failed_twins(candidate, rows), with_twins(targets, rows)),
            classes=targets.values.astype(np.int64) if targets.task in (Task.BINARY, Task.MULTICLASS) else None,
            capped=capped_statistics(prepared, after, len(candidate)),
        )

    def power(self, n: int, segment_margin: object | None, flip_rate: float | None) -> PowerNote | None:
        """See `Check.power`; said for right-or-wrong metrics with a margin in points."""
        limit = segment_margin if isinstance(segment_margin, Change) else self.parameters.max_drop
        if not self.metric.info.binary or limit.unit != "pp" or limit.amount <= 0 or n == 0 or self.parameters.decide == "observed":
            return None
        assumed, level = 0.05 if flip_rate is None else flip_rate, self.parameters.level
        return PowerNote(
            n=n,
            margin=limit.amount,
            power=float(stats.power_binary(n, assumed, limit.amount, level=level)),
            provable=stats.smallest_provable_margin(n, assumed, level=level),
            detectable=float(stats.smallest_detectable_drop(n, assumed, limit.amount, level=level)),
            needed=int(stats.required_n(assumed, limit.amount, level)),
            can_pass=bool(stats.can_ever_pass(n, limit.amount, level)),
            assumed_flip_rate=assumed,
        )

    def hopeless(self, n: int, segment_margin: object | None) -> bool:
        """See `Check.hopeless`; said where `power` is."""
        limit = segment_margin if isinstance(segment_margin, Change) else self.parameters.max_drop
        if not self.metric.info.binary or limit.unit != "pp" or limit.amount <= 0 or self.parameters.decide == "observed":
            return False
        return n < _fewest_to_pass(limit.amount, self.parameters.level)


@cache
def _fewest_to_pass(margin: float, level: float) -> int:
    return stats.needed_to_pass(0, margin, level)


def require_fitting_unit(limit: Change, info: MetricInfo) -> None:
    """`UsageError` when the unit of a margin makes no sense for the metric."""
    if limit.unit == "pp" and not info.share:
        raise UsageError(
            f"max_drop: {limit} makes no sense for {info.name}, which is not a proportion; "
            f"write a number in its own unit, or per cent of the original's value such as 2%rel"
        )
    if limit.unit == "own" and info.share:
        points = limit.amount * 100 if limit.amount < 1 else limit.amount
        raise UsageError(
            f"max_drop: {limit} of {info.name} has no unit; write {points:g}pp for percentage points "
            f"or {points:g}%rel for per cent of the original's value"
        )


def mean_evaluator(
    info: MetricInfo,
    original: NDArray[np.float64],
    candidate: NDArray[np.float64],
    clusters: NDArray[np.int32] | None,
    *,
    relative: bool,
    level: float,
    capped: Capped | None = None,
) -> Evaluator:
    """Tango for right-or-wrong scores (right is 1, or 0 where lower is better), planted t for the others."""
    if info.binary:
        before, after = (scores < 0.5 if info.direction == "lower" else scores > 0.5 for scores in (original, candidate))
        return BinaryEvaluator(before, after, clusters, direction=info.direction, relative=relative, level=level)
    return ScoreEvaluator(
        original,
        candidate,
        direction=info.direction,
        reach=reach_of(info),
        clusters=clusters,
        relative=relative,
        level=level,
        capped=capped,
    )


def reach_of(info: MetricInfo) -> float:
    """The largest possible difference of two scores of one example; `MeasurementError` when there is none."""
    if info.bounds is not None:
        return info.bounds[1] - info.bounds[0]
    if info.cap is not None:
        return 2 * info.cap
    raise MeasurementError(
        f"{info.name} is unbounded: say by `cap:` how large a difference of one example may count, "
        f"for instance metric: {{{info.name}: {{cap: 10}}}}"
    )


def capped_scores(
    metric: MeanMetric,
    original: tuple[Outputs | Recalled, NDArray[np.float64]],
    candidate: tuple[Outputs, NDArray[np.float64]],
    targets: Targets,
) -> Capped | None:
    """What of a mean metric reaches its cap, from each model's outputs and (n,) scores; None without a cap.

    Of a recalled original only the scores are known.
    """
    if metric.info.cap is None:
        return None
    reach = metric.reach(candidate[0], targets) if isinstance(metric, CappedMetric) else None
    if reach is None:
        return Capped.of_scores(original[1], candidate[1], metric.info.cap)
    if isinstance(original[0], Outputs) and isinstance(metric, CappedMetric):
        before = metric.reach(original[0], targets)
        return Capped.of(len(candidate[1]), reach, *([] if before is None else [before]))
    return Capped.of(len(candidate[1]), reach).or_scores(original[1])


def capped_statistics(original: Statistic, candidate: Statistic, n: int) -> Capped | None:
    """What of a whole-set metric of n examples reaches its cap; None without a cap."""
    if not isinstance(original, CappedStatistic) or not isinstance(candidate, CappedStatistic):
        return None
    before, after = original.reach(), candidate.reach()
    return None if before is None or after is None else Capped.of(n, before, after)

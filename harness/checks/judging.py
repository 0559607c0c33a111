"""From paired estimates to verdicts: the whole by its interval, segments by two keys, with reasons in one sentence each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness import stats
from harness.arrays.segmentation import Segmentation
from harness.checks.parameters import OnInconclusive, blocks
from harness.checks.table import Evaluator, Floats, Groups, Table
from harness.checks.vanished import vanished
from harness.core.comparison import Comparison
from harness.core.estimate import Estimate
from harness.core.numbers import percent, plural, texts
from harness.core.outcome import Outcome
from harness.core.segment import Segment, SegmentRule
from harness.core.units import Change
from harness.core.verdict import Verdict, WorstExample, premise

FAMILY_ERROR = 0.05
"""Holm's family-wise error rate within each segmentation."""


@dataclass(frozen=True)
class Rules:
    """How one check decides. `limit` is the tolerated loss as written; `share` whether the metric is a proportion."""

    suite: str
    candidate: str
    check: str
    metric: str
    limit: Change
    share: bool
    direction: Literal["higher", "lower"]
    on_inconclusive: OnInconclusive
    max_unproven: float = 0.5
    decide: Literal["evidence", "observed"] = "evidence"
    level: float = 0.90
    segments: dict[str, SegmentRule] = field(default_factory=dict)

    def limit_of(self, segmentation: str | None) -> Change:
        """The margin of a segmentation, or of the whole."""
        special = self.segments[segmentation].max_drop if segmentation is not None else None
        return special if isinstance(special, Change) else self.limit


@dataclass(frozen=True)
class Reader:
    """What turns rows into words: ids and answers of the worst examples of a group."""

    worst: Callable[[Evaluator, Groups, int], tuple[WorstExample, ...]]


def judge(
    evaluator: Evaluator,
    n: int,
    rules: Rules,
    segmentations: dict[str, Segmentation],
    reader: Reader,
    standing: frozenset[str] = frozenset(),
    minimum_sizes: dict[str, int] | None = None,
) -> tuple[Verdict, ...]:
    """The whole's verdict first, then one per segment of each segmentation named in the rules.

    `standing` holds the labels of segments that stand in the accepted baseline: such a segment, or a critical one, that
    is absent or smaller than its `minimum_sizes` is an ERROR.
    """
    everything = Groups.everything(n)
    whole_table = evaluator.table(everything, np.array([rules.limit.amount]))
    whole = _whole(evaluator, everything, whole_table, rules, reader)
    tolerated = -float(whole_table.delta[0]) if whole_table.estimable[0] else 0.0
    verdicts: list[Verdict] = []
    families = {
        name: _Family(evaluator, rules, name, rule, segmentations[name], tolerated, reader) for name, rule in rules.segments.items()
    }
    _reject_critical(list(families.values()))
    for name, family in families.items():
        gone = vanished(name, rules.segments, segmentations, standing, (minimum_sizes or {}).get(name, 1))
        verdicts.extend(verdict for verdict in family.verdicts() if verdict.segment not in gone)
        verdicts.extend(_gone(rules, segment, reason) for segment, reason in gone.items())
    return (_headline(whole, verdicts, rules), *verdicts)


def _reject_critical(families: list[_Family]) -> None:
    """The critical segments of all segmentations together are one more family."""
    members = [(family, group) for family in families for group in np.flatnonzero(family.critical & family.table.estimable)]
    if not members:
        return
    rejected = stats.holm(np.array([family.p[group] for family, group in members]), FAMILY_ERROR).rejected
    for (family, group), is_rejected in zip(members, np.atleast_1d(rejected), strict=True):
        family.rejected[group] = is_rejected


class _Family:
    """All segments of one segmentation: a family of its own for Holm. `rejected` marks those that the critical family rejects."""

    def __init__(
        self,
        evaluator: Evaluator,
        rules: Rules,
        name: str,
        rule: SegmentRule,
        segmentation: Segmentation,
        tolerated: float,
        reader: Reader,
    ) -> None:
        self.evaluator, self.rules, self.rule, self.reader = evaluator, rules, rule, reader
        self.segments = segmentation.segments
        self.groups = Groups(segmentation.codes, len(segmentation.segments))
        self.limit = rules.limit_of(name)
        self.table = evaluator.table(self.groups, np.full(self.groups.count, self.limit.amount))
        self.tolerated = tolerated
        self.critical = np.array([rule.is_critical(segment.value) for segment in self.segments], dtype=np.bool_)
        self.suspect = self.table.estimable & (self.table.high < -self.table.margin)
        self.p = self._p_values()
        self.rejected = np.zeros(self.groups.count, dtype=np.bool_)

    def _p_values(self) -> Floats:
        """Left at 1 for what is not suspect: that only makes Holm more cautious, and spares its computation."""
        p, known = np.ones(self.groups.count), int(np.count_nonzero(self.table.estimable))
        for group in np.flatnonzero(self.suspect):
            tolerated = float(stats.tolerated_drop(self.tolerated, float(self.table.margin[group])))
            p[group] = self.evaluator.p_worse(self.groups, int(group), tolerated, known)
        return p

    def verdicts(self) -> list[Verdict]:
        """One per segment."""
        table, suspect, p = self.table, self.suspect, self.p
        known = np.flatnonzero(table.estimable)
        guilty = self.rejected & suspect
        if len(known):
            judged = stats.judge_segments(
                table.low[known], table.high[known], table.margin[known], p[known], FAMILY_ERROR, table.may_pass[known]
            )
            guilty[known] |= [outcome is Outcome.FAIL for outcome in judged.outcomes]
        return [self._verdict(group, bool(suspect[group]), bool(guilty[group]), float(p[group])) for group in range(self.groups.count)]

    def _verdict(self, group: int, suspect: bool, guilty: bool, p: float) -> Verdict:
        table, rules = self.table, self.rules
        critical = bool(self.critical[group])
        if rules.decide == "observed":
            outcome, reason = _observed(table, group, rules, self.limit)
        elif guilty:
            outcome = Outcome.FAIL
            reason = f"{self._loss(group)}, outside {self.limit}, and significantly {self._than_what(group)} (p = {p:.2g})"
        elif suspect:
            outcome = Outcome.INCONCLUSIVE
            reason = f"suspect: {self._loss(group)}, outside {self.limit}, "
            reason += f"but this may be chance among {plural(self.groups.count, 'segment')}"
        else:
            outcome, reason = _by_interval(table, group, rules, self.limit, may_fail=False)
        return Verdict(
            suite=rules.suite,
            candidate=rules.candidate,
            check=rules.check,
            segment=self.segments[group],
            outcome=outcome,
            reason=reason,
            blocks=blocks(outcome, rules.on_inconclusive, whole=False, critical=critical),
            comparison=comparison(table, group, rules, self.limit, p if suspect else None),
            suspect=suspect,
            critical=critical,
            needs_more=table.further(group, rules.level) if outcome is Outcome.INCONCLUSIVE else None,
            worst_examples=self.reader.worst(self.evaluator, self.groups, group) if outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE) else (),
        )

    def _loss(self, group: int) -> str:
        return loss_sentence(self.table, group, self.rules, self.limit)

    def _than_what(self, group: int) -> str:
        """What the second key compared with: the whole's own drop, or the margin where the whole lost more than that."""
        return "worse than the whole" if self.tolerated <= self.table.margin[group] else f"more than the tolerated {self.limit}"


def _gone(rules: Rules, segment: Segment, reason: str) -> Verdict:
    return Verdict(rules.suite, rules.candidate, rules.check, segment, Outcome.ERROR, reason, blocks=True, critical=True)


def _whole(evaluator: Evaluator, groups: Groups, table: Table, rules: Rules, reader: Reader) -> Verdict:
    if rules.decide == "observed":
        outcome, reason = _observed(table, 0, rules, rules.limit)
    else:
        outcome, reason = _by_interval(table, 0, rules, rules.limit, may_fail=True)
    return Verdict(
        suite=rules.suite,
        candidate=rules.candidate,
        check=rules.check,
        segment=None,
        outcome=outcome,
        reason=reason,
        blocks=blocks(outcome, rules.on_inconclusive, whole=True, critical=False),
        comparison=comparison(table, 0, rules, rules.limit, None),
        needs_more=table.further(0, rules.level) if outcome is Outcome.INCONCLUSIVE else None,
        worst_examples=reader.worst(evaluator, groups, 0) if outcome is not Outcome.PASS else (),
    )


def _by_interval(table: Table, group: int, rules: Rules, limit: Change, *, may_fail: bool) -> tuple[Outcome, str]:
    """PASS inside the margin, FAIL outside (where the interval alone may decide that), INCONCLUSIVE across it."""
    if not table.estimable[group]:
        return Outcome.INCONCLUSIVE, table.why_not[group]
    low, high, margin = float(table.low[group]), float(table.high[group]), float(table.margin[group])
    outcome = stats.judge_whole(low, high, margin)
    if outcome is Outcome.FAIL and may_fail:
        return outcome, f"{loss_sentence(table, group, rules, limit)}, proven outside {limit}"
    if outcome is Outcome.PASS:
        if not table.may_pass[group]:
            return Outcome.INCONCLUSIVE, table.why_not[group]
        finding = stats.describe_change(low, high, margin)
        if finding is stats.Finding.TOLERABLE:
            return outcome, f"{loss_sentence(table, group, rules, limit)}: a real loss, proven within {limit}"
        if finding is stats.Finding.BETTER:
            return outcome, f"better than the original: {loss_sentence(table, group, rules, limit)}"
        return outcome, f"proven within {limit}: {loss_sentence(table, group, rules, limit)}"
    seen, advice = loss_sentence(table, group, rules, limit), _what_next(table, group, rules.level)
    return Outcome.INCONCLUSIVE, f"not enough evidence for {limit}: {seen}; {advice}"


def _what_next(table: Table, group: int, level: float) -> str:
    if -table.delta[group] >= table.margin[group]:
        return "more examples would more likely prove harm"
    more = table.further(group, level)
    if not more:
        return "more examples are needed"
    seen = "spread" if table.gained is None else "flips"
    supposed = premise(loss_is_clear=table.loss_is_clear(group))
    return f"needs about {more:,} more examples by the {seen} seen here, {supposed}"


def _observed(table: Table, group: int, rules: Rules, limit: Change) -> tuple[Outcome, str]:
    """The literal rule, with its own false-alarm rate beside it."""
    if not table.estimable[group]:
        return Outcome.INCONCLUSIVE, table.why_not[group]
    drop, margin = -float(table.delta[group]), float(table.margin[group])
    outcome = Outcome.FAIL if drop > margin * (1 + 1e-12) + 1e-12 else Outcome.PASS  # exactly the margin is within it
    n = int(table.n[group])
    reason = f"observed: {loss_sentence(table, group, rules, limit)} against {limit}"
    if table.gained is not None and table.lost is not None and limit.unit == "pp":
        flips = (int(table.gained[group]) + int(table.lost[group]) + 1) / (n + 2)
        alarm = float(stats.observed_false_alarm(n, flips, float(table.margin[group])))
        reason += f"; this rule fails a model that lost nothing in {percent(alarm)} of runs at n = {n:,}"
    return outcome, reason


def _headline(whole: Verdict, segments: list[Verdict], rules: Rules) -> Verdict:
    """The whole's verdict with the segments' standing: how many are unproven, and INCONCLUSIVE when most are."""
    unproven = sum(v.outcome is Outcome.INCONCLUSIVE for v in segments)
    if not unproven:
        return whole
    summary = f"{unproven} of {plural(len(segments), 'segment')} unproven"
    if whole.outcome is not Outcome.PASS or unproven <= rules.max_unproven * len(segments):
        return _with_reason(whole, whole.outcome, f"{whole.reason} ({summary})", rules)
    return _with_reason(
        whole,
        Outcome.INCONCLUSIVE,
        f"{summary}, more than max_unproven ({percent(rules.max_unproven)}); the whole by itself passes: {whole.reason}",
        rules,
    )


def _with_reason(verdict: Verdict, outcome: Outcome, reason: str, rules: Rules) -> Verdict:
    return Verdict(
        **{
            **verdict.__dict__,
            "outcome": outcome,
            "reason": reason,
            "blocks": blocks(outcome, rules.on_inconclusive, whole=True, critical=False),
        }
    )


def comparison(table: Table, group: int, rules: Rules, limit: Change, p: float | None) -> Comparison | None:
    """The row of `table` as a Comparison, in which a drop is positive when the candidate is worse."""
    if not table.estimable[group]:
        return None
    gained = None if table.gained is None else int(table.gained[group])
    lost = None if table.lost is None else int(table.lost[group])
    return replace(
        _bare_comparison(table, group, rules, limit),
        gained=gained,
        lost=lost,
        p_harm=p,
        mcnemar_exact=None if gained is None or lost is None else float(stats.mcnemar_exact(gained, lost)),
        mcnemar_mid=None if gained is None or lost is None else float(stats.mcnemar_mid(gained, lost)),
        smallest_detectable=table.detectable[group],
        notes=table.notes[group] if table.notes else (),
    )


def _bare_comparison(table: Table, group: int, rules: Rules, limit: Change) -> Comparison:
    """The estimates alone, without tests and notes."""
    return Comparison(
        metric=rules.metric,
        n=int(table.n[group]),
        original=_estimate(table.original, table.original_low, table.original_high, group, rules.level),
        candidate=_estimate(table.candidate, table.candidate_low, table.candidate_high, group, rules.level),
        drop=Estimate(_negated(table.delta, group), _negated(table.high, group), _negated(table.low, group), rules.level),
        method=table.method,
        margin=float(table.margin[group]),
        margin_text=str(limit),
        share=rules.share,
    )


def _negated(values: NDArray[np.float64], group: int) -> float:
    """Minus a value; no change stays 0.0, never -0.0, which readers of result.json would take for a gain."""
    return 0.0 - float(values[group])


def _estimate(value: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], group: int, level: float) -> Estimate:
    bounds = [float(bound[group]) if np.isfinite(bound[group]) else None for bound in (low, high)]
    return Estimate(float(value[group]), bounds[0], bounds[1], level)


def loss_sentence(table: Table, group: int, rules: Rules, limit: Change | None = None) -> str:
    """`accuracy dropped 3.1pp (90 % interval of the drop 1.2 to 5.0pp, n = 812, 9 gained, 34 lost)`.

    With the decimals that every other place gives the same numbers; `limit` is the margin where it is not the whole's.
    """
    delta, found = float(table.delta[group]), texts(_bare_comparison(table, group, rules, limit or rules.limit))
    worse, better, noun = ("dropped", "gained", "drop") if rules.direction == "higher" else ("rose", "fell", "rise")
    unit, change = found.unit.suffix, (found.drop or "").removeprefix("−")
    verb = "did not change" if abs(delta) < 1e-12 else f"{worse if delta < 0 else better} {change}{unit}"
    interval = f"{found.level} interval of the {noun} {found.interval or 'not known'}{unit}"
    flips = "" if table.gained is None or table.lost is None else f", {table.gained[group]:,} gained, {table.lost[group]:,} lost"
    return f"{rules.metric} {verb} ({interval}, n = {table.n[group]:,}{flips})"

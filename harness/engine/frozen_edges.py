"""Bin edges that an accepted baseline froze, and what becomes of them when the suite cuts its bins by another rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness.arrays.baseline import Baseline
from harness.core.outcome import Outcome
from harness.core.segment import ByBins, ByProduct, Segment, segments_labelled
from harness.core.suite import DataSpec
from harness.core.verdict import Verdict
from harness.engine.tools import Edges


def usable_edges(data: DataSpec, baselines: Iterable[Baseline]) -> Edges:
    """The frozen edges of the bins of `data` that are still cut by the rule they were frozen under; of the first baseline that has some."""
    rules = _rules(data)
    found: dict[str, tuple[float, ...]] = {}
    for baseline in baselines:
        then = baseline.edge_rules.get(data.name, {})
        for name, edges in baseline.edges.get(data.name, {}).items():
            if name in rules and then.get(name) == rules[name]:
                found.setdefault(name, edges)
    return found


@dataclass(frozen=True)
class Recut:
    """Segments of one check that the baseline knows by bins of another rule, with the sentence that says so."""

    lost: dict[Segment, str]

    def forgotten(self, baseline: Baseline, check: str) -> Baseline:
        """The baseline without them, so that nothing says of their examples that they had vanished."""
        labels = {segment.label for segment in self.lost}
        kept = tuple(label for label in baseline.segments.get(check, ()) if label not in labels)
        return replace(baseline, segments={**baseline.segments, check: kept})

    def told(self, verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
        """The verdicts and an ERROR for each of them: bins that nobody judges any more must not turn a suite green."""
        whole = verdicts[0]
        lost = (
            Verdict(whole.suite, whole.candidate, whole.check, segment, Outcome.ERROR, reason, blocks=True, critical=True)
            for segment, reason in self.lost.items()
        )
        return (*verdicts, *lost)


def recut(data: DataSpec, baseline: Baseline, check: str, judged: Iterable[str], today: Iterable[Segment]) -> Recut:
    """What the baseline of a check that judges the segmentations `judged` knows by bins of another rule, and is not in `today`."""
    rules, there = _rules(data), set(today)
    then = baseline.edge_rules.get(data.name, {})
    moved = {name: then.get(name, "") for name in baseline.edges.get(data.name, {}) if name in rules and then.get(name) != rules[name]}
    parts = {spec.name: spec.rule.of if isinstance(spec.rule, ByProduct) else (spec.name,) for spec in data.segments}
    lost = {}
    for segment in segments_labelled(baseline.segments.get(check, ()), {name: parts[name] for name in judged}):
        changed = [name for name, _ in segment.values if name in moved]
        if changed and segment not in there:
            lost[segment] = _sentence(segment, changed[0], moved[changed[0]], rules[changed[0]])
    return Recut(lost)


def _sentence(segment: Segment, name: str, then: str, today: str) -> str:
    return (
        f"the segment {segment.label} stands in the accepted baseline, but {name!r} was cut by {then or 'a rule that was not kept'} there "
        f"and is cut by {today} today, so the frozen edges are not used; put the rule back, or accept the new bins with --override"
    )


def _rules(data: DataSpec) -> dict[str, str]:
    return {spec.name: spec.rule.words for spec in data.segments if isinstance(spec.rule, ByBins)}

"""Segments that must be there and are not: a vanished language must not turn a suite green."""

from __future__ import annotations

from collections.abc import Mapping

from harness.arrays.segmentation import Segmentation
from harness.checks.parameters import Rules
from harness.core.outcome import Outcome
from harness.core.segment import Segment, segment_named, segments_labelled
from harness.core.verdict import Verdict


def vanished(rules: Rules, name: str, segmentations: Mapping[str, Segmentation], standing: frozenset[str], minimum: int) -> list[Verdict]:
    """ERROR verdicts for critical or accepted segments of the segmentation `name` that are absent or have fewer than `minimum` examples.

    `standing` holds the labels of segments that stand in the accepted baseline.
    """
    segmentation, rule = segmentations[name], rules.segments[name]
    sizes = dict(zip(segmentation.segments, segmentation.sizes().tolist(), strict=True))
    parts = {each: _parts(each, segmentations[each]) for each in rules.segments}
    expected = {segment: "stands in the accepted baseline" for segment in segments_labelled(standing, parts) if segment.segmentation == name}
    if isinstance(rule.critical, tuple):
        by_value = {segment.value: segment for segment in segmentation.segments}
        expected |= {by_value.get(value) or segment_named(name, parts[name], value): "is critical" for value in rule.critical}
    missing = {segment: sizes.get(segment, 0) for segment in expected if sizes.get(segment, 0) < max(1, minimum)}
    return [_verdict(rules, segment, expected[segment], missing[segment], minimum) for segment in sorted(missing)]


def _parts(name: str, segmentation: Segmentation) -> tuple[str, ...]:
    """The segmentations it is made of: itself, unless it is a product."""
    return tuple(part for part, _ in segmentation.segments[0].values) if segmentation.segments else (name,)


def _verdict(rules: Rules, segment: Segment, why: str, size: int, minimum: int) -> Verdict:
    few = f"fewer than min_examples ({minimum:,})"
    if size:
        found = f"has only {size:,} examples, {few}"
    else:
        found = "is not in the data" + (f", or has {few} there" if minimum > 1 else "")
    return Verdict(
        suite=rules.suite,
        candidate=rules.candidate,
        check=rules.check,
        segment=segment,
        outcome=Outcome.ERROR,
        reason=f"the segment {segment.label} {why} and {found}; "
        "restore its examples, or remove it from the suite and accept a new baseline",
        blocks=True,
        critical=True,
    )

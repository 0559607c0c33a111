"""Segments that must be there and are not: a vanished language must not turn a suite green."""

from __future__ import annotations

from collections.abc import Mapping

from harness.arrays.segmentation import Segmentation
from harness.core.segment import Segment, SegmentRule, segment_named, segments_labelled


def vanished(
    name: str, rules: Mapping[str, SegmentRule], segmentations: Mapping[str, Segmentation], standing: frozenset[str], minimum: int
) -> dict[Segment, str]:
    """Critical or accepted segments of the segmentation `name` that are absent or have fewer than `minimum` examples, with a reason each.

    `rules` are those of all segmentations of the check; `standing` holds the labels of segments of the accepted baseline.
    """
    segmentation, critical = segmentations[name], rules[name].critical
    sizes = dict(zip(segmentation.segments, segmentation.sizes().tolist(), strict=True))
    parts = {each: _parts(each, segmentations[each]) for each in rules}
    expected = {
        segment: "stands in the accepted baseline" for segment in segments_labelled(standing, parts) if segment.segmentation == name
    }
    if isinstance(critical, tuple):
        by_value = {segment.value: segment for segment in segmentation.segments}
        expected |= {by_value.get(value) or segment_named(name, parts[name], value): "is critical" for value in critical}
    missing = {segment: sizes.get(segment, 0) for segment in sorted(expected)}
    return {segment: _reason(segment, expected[segment], size, minimum) for segment, size in missing.items() if size < max(1, minimum)}


def _parts(name: str, segmentation: Segmentation) -> tuple[str, ...]:
    """The segmentations it is made of: itself, unless it is a product."""
    return tuple(part for part, _ in segmentation.segments[0].values) if segmentation.segments else (name,)


def _reason(segment: Segment, why: str, size: int, minimum: int) -> str:
    few = f"fewer than min_examples ({minimum:,})"
    absent = "is not in the data" + (f", or has {few} there" if minimum > 1 else "")
    found = f"has only {size:,} examples, {few}" if size else absent
    return f"the segment {segment.label} {why} and {found}; restore its examples, or remove it from the suite and accept a new baseline"

"""What there is to judge: candidate × check × segment, known before any model runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from harness.arrays.baseline import Baseline
from harness.checks.check import Check, PowerNote
from harness.core.models import ModelSpec
from harness.core.segment import ByProduct, Segment, segment_named, segments_labelled
from harness.core.suite import CheckSpec, Suite
from harness.ports.data import DataIndex


@dataclass(frozen=True)
class Item:
    """One question. `size` is the number of examples it is asked of, None when that is not how it is asked.

    `hopeless`: so few examples that a model passes only if it gains more answers than it loses. `planner` works out what can be
    proved; that takes a while, so only whoever wants to know asks. `clustered`: its examples belong together in clusters. How
    many there are, `clusters`, is known of the whole alone; there `planner` takes them to flip as one, so that they are what counts.
    """

    suite: str
    candidate: str
    check: str
    segment: Segment | None
    size: int | None
    critical: bool = False
    hopeless: bool = False
    clustered: bool = False
    clusters: int | None = None
    planner: Callable[[], PowerNote | None] = field(default=lambda: None, compare=False, repr=False)

    @cached_property
    def power(self) -> PowerNote | None:
        """What the data can prove for this question."""
        return self.planner()

    @property
    def name(self) -> str:
        """`int8::accuracy[language:bn]`."""
        tail = f"[{self.segment.label}]" if self.segment else ""
        return f"{self.candidate}::{self.check}{tail}"


def items_of(suite: Suite, model: ModelSpec, spec: CheckSpec, check: Check, index: DataIndex, baseline: Baseline | None) -> list[Item]:
    """The whole, every segment found in the data, and those that are missing although critical or accepted."""
    flips = accepted_flip_rate(baseline, spec.name)
    sizes = {found.name: dict(zip(found.segments, found.sizes, strict=True)) for found in index.segmentations}
    rules = check.segmentations()
    clustered = suite.data[spec.data].cluster_by is not None
    parts = {name: _parts(suite, spec.data, name) for name in rules}

    def item(segment: Segment | None, size: int, margin: object | None, critical: bool) -> Item:
        clusters = index.clusters if segment is None else None
        return Item(
            suite.name,
            model.name,
            spec.name,
            segment,
            size,
            critical=critical,
            hopeless=check.hopeless(size, margin),
            clustered=clustered,
            clusters=clusters,
            planner=partial(check.power, size if clusters is None else clusters, margin, flips),
        )

    items = [item(None, index.rows, None, False)]
    for name, rule in rules.items():
        found = dict(sizes[name])
        by_value = {segment.value for segment in found}
        absent = [value for value in rule.critical if value not in by_value] if isinstance(rule.critical, tuple) else []
        found |= {segment_named(name, parts[name], value): 0 for value in absent}
        items += [item(segment, size, rule.max_drop, rule.is_critical(segment.value)) for segment, size in found.items()]
    known = {item.segment for item in items}
    standing = segments_labelled(baseline.segments.get(spec.name, ()), parts) if baseline is not None else ()
    return [*items, *(Item(suite.name, model.name, spec.name, segment, 0, critical=True) for segment in standing if segment not in known)]


def accepted_flip_rate(baseline: Baseline | None, check: str) -> float | None:
    """Share of examples that would flip if the candidate lost nothing: twice the rarer direction of the flips when it was accepted.

    Counted with one flip more, because none seen is not none. None where no right-or-wrong outcomes are kept.
    """
    kept = (baseline.outcomes or {}) if baseline is not None else {}
    before, after = kept.get(("original", check)), kept.get(("accepted", check))
    if before is None or after is None or before.values.dtype != bool or after.values.dtype != bool:
        return None
    one, other = before.values.astype(np.bool_), after.values.astype(np.bool_)
    gained, lost = int((~one & other).sum()), int((one & ~other).sum())
    return (2 * min(gained, lost) + 1) / (len(before.values) + 2)


def _parts(suite: Suite, data: str, segmentation: str) -> tuple[str, ...]:
    """The segmentations a segmentation is made of: itself, unless it is a product."""
    rule = next(found.rule for found in suite.data[data].segments if found.name == segmentation)
    return rule.of if isinstance(rule, ByProduct) else (segmentation,)

"""What the data can prove, said before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterable

from harness.checks.check import PowerNote
from harness.checks.quality import ENOUGH_POWER
from harness.core.numbers import percent
from harness.core.segment import ByProduct
from harness.engine.items import Item
from harness.engine.session import Session


def underpowered(items: Iterable[Item]) -> list[str]:
    """Sentences about gates that would often not pass a perfect model, each once per suite and check.

    An item without hope passes only if the candidate gains more answers than it loses. By chance a model that loses nothing may do
    so: its power need not be 0.
    """
    lines: dict[str, None] = {}
    hopeless: dict[tuple[str, str], set[str]] = {}
    for item in items:
        if item.hopeless:
            hopeless.setdefault((item.suite, item.check), set()).add(item.segment.label if item.segment else "the whole")
            continue
        if item.segment is not None:
            continue
        note = item.power
        if note is not None and note.power is not None and note.assumed_flip_rate is not None and note.power < ENOUGH_POWER:
            lines[
                f"{item.suite}: {item.check}: with {_size(item, note)} a perfect model passes in {percent(note.power)} of runs "
                f"(at {percent(note.assumed_flip_rate)} flips{'' if item.clusters is None else ', in which whole clusters flip as one'}); "
                f"use {note.needed:,} {'examples' if item.clusters is None else 'clusters'}, a margin of {_points(note.provable)}, "
                "or on_inconclusive: warn"
            ] = None
    for (suite, check), labels in hopeless.items():
        shown = ", ".join(sorted(labels)[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")
        lines[
            f"{suite}: {check}: too few examples in {shown}: a candidate passes there only if it gains more answers than it loses; "
            "otherwise these can only warn or fail"
        ] = None
    return list(lines)


def not_counted(items: Iterable[Item]) -> list[str]:
    """A sentence for every check with segments of clustered examples, of which the plan knows no clusters."""
    found = {(item.suite, item.check): None for item in items if item.clustered and item.segment is not None}
    return [
        f"{suite}: {check}: how many clusters a segment holds is not known before a run; it is planned as if its examples were "
        "independent, and can prove less"
        for suite, check in found
    ]


def unused_segmentations(session: Session) -> list[str]:
    """Sentences about segmentations that are declared, part of no product, and judged by no check."""
    suite = session.suite
    lines = []
    for data in suite.data.values():
        used = {name for spec in suite.checks if spec.data == data.name for name in session.checks[spec.name].segmentations()}
        used |= {part for declared in data.segments if isinstance(declared.rule, ByProduct) for part in declared.rule.of}
        lines += [
            f"{suite.name}: the segmentation {declared.name} is declared and no check judges it; name it under per: or segments:"
            for declared in data.segments
            if declared.name not in used
        ]
    return lines


def _size(item: Item, note: PowerNote) -> str:
    return f"{note.n:,} examples" if item.clusters is None else f"{item.size:,} examples in {item.clusters:,} clusters"


def _points(margin: float | None) -> str:
    """Rounded up to 0.1pp: the margin it names must be provable, and differ from the one that is not."""
    return "none" if margin is None else f"{math.ceil(margin * 1000 - 1e-3) / 10:.1f}pp"

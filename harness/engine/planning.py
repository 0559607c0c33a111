"""What the data can prove, said before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterable

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
                f"{item.suite}: {item.check}: with {note.n:,} examples a perfect model passes in {percent(note.power)} of runs "
                f"(at {percent(note.assumed_flip_rate)} flips); use {note.needed:,} examples, a margin of {_points(note.provable)}, "
                "or on_inconclusive: warn"
            ] = None
    for (suite, check), labels in hopeless.items():
        shown = ", ".join(sorted(labels)[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")
        lines[
            f"{suite}: {check}: too few examples in {shown}: a candidate passes there only if it gains more answers than it loses; "
            "otherwise these can only warn or fail"
        ] = None
    return list(lines)


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


def _points(margin: float | None) -> str:
    """Rounded up to 0.1pp: the margin it names must be provable, and differ from the one that is not."""
    return "none" if margin is None else f"{math.ceil(margin * 1000 - 1e-3) / 10:.1f}pp"

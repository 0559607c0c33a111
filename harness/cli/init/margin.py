"""A margin that the data can prove: for the whole, and for each segmentation what its typical segment can prove."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness import stats
from harness.cli.init.columns import Column
from harness.cli.init.parts import Part, merged

FLIPS = 0.05
"""Share of answers that are assumed to flip: compressed models commonly change 1 to 10 % of them."""

RESTLESSNESS = 0.05
"""Spread of the candidate's changes that is assumed of numbers, as a share of the target's own."""

UNPROVEN = 0.5
"""The share of segments above which `max_unproven` fails a check, unless a suite says otherwise."""

RISK = 0.05
"""How often a model that lost nothing may leave more segments unproven than the suite allows."""

FEWEST = 30
"""Segments of fewer examples are put together: each by itself could only be a question mark."""

_STEP = 0.005
_WIDEST = 0.5
"""A margin above half of everything proves nothing worth knowing."""

_PLACEHOLDER = "5pp"


@dataclass(frozen=True)
class SegmentMargin:
    """`max_drop` of a segmentation, None when it is the whole's; `fewest` is its `min_examples`, 0 when none is needed."""

    max_drop: str | None
    smallest: Part
    fewest: int = 0


@dataclass(frozen=True)
class Margin:
    """`metric` and `max_drop` of the suite's check, with what a person should know. `warn_only` when the data can prove nothing.

    `max_unproven` is None where the default will do.
    """

    name: str
    metric: str
    max_drop: str
    comment: str
    segments: Mapping[str, SegmentMargin] = field(default_factory=dict)
    max_unproven: str | None = None
    warn_only: bool = False


def margin_for_answers(rows: int, parts: Mapping[str, tuple[Part, ...]]) -> Margin:
    """For right-or-wrong answers: the smallest margin provable at 80 %, rounded up to half a point.

    `parts` maps segmentations to their segments, for which see `_for_segments`.
    """
    whole = _provable(rows)
    if whole is None:
        comment = f"{rows:,} examples can prove no margin worth having: this check only warns, until there are more"
        nothing = {name: SegmentMargin(None, found[0]) for name, found in parts.items() if found}
        return Margin("accuracy", "accuracy", _PLACEHOLDER, comment, nothing, warn_only=True)
    provable = math.ceil((stats.smallest_provable_margin(rows, FLIPS) or 0.0) * 1_000 - 1e-9) / 10
    comment = f"{rows:,} examples can prove {provable:.1f}pp when {FLIPS * 100:.0f} % of the answers flip; a smaller margin"
    segments: dict[str, SegmentMargin] = {}
    chances: list[float] = []
    for name, found in parts.items():
        kept, fewest = _worth_judging(found)
        steps = max(_provable(_typical(kept)) or whole, whole)
        segments[name] = SegmentMargin(None if steps == whole else _points(steps), kept[0], fewest)
        chances += [1 - _power(part.size, steps) for part in kept]
    return Margin("accuracy", "accuracy", _points(whole), f"{comment} would often fail a perfect model", segments, _most_unproven(chances))


def margin_for_numbers(rows: int, parts: Mapping[str, tuple[Part, ...]], target: Column) -> Margin:
    """For numbers: mean absolute error, no error counting more than the whole range of the target."""
    cap = _rounded_up(target.spread or 1.0)
    deviation = RESTLESSNESS * (target.deviation or cap)

    def provable(size: int) -> float:
        return _rounded_up(float(stats.smallest_provable_margin_scores(size, deviation, cap)))

    whole = provable(rows)
    comment = (
        f"in the unit of {target.name}; provable when errors change by {RESTLESSNESS * 100:.0f} % of its spread: look again after a run"
    )
    segments: dict[str, SegmentMargin] = {}
    chances: list[float] = []
    for name, found in parts.items():
        kept, fewest = _worth_judging(found)
        limit = max(provable(_typical(kept)), whole)
        segments[name] = SegmentMargin(None if limit == whole else f"{limit:g}", kept[0], fewest)
        chances += [0.2 if part.size >= _typical(kept) else 1.0 for part in kept]
    return Margin("error", f"{{mae: {{cap: {cap:g}}}}}", f"{whole:g}", comment, segments, _most_unproven(chances))


def _worth_judging(parts: tuple[Part, ...]) -> tuple[tuple[Part, ...], int]:
    """The segments with those of a handful of examples put together, and below which number; 0 where there are none."""
    small = sum(part.size < FEWEST for part in parts)
    return (merged(parts, FEWEST), FEWEST) if small > 1 else (parts, 0)


def _typical(parts: tuple[Part, ...]) -> int:
    """The size of the segment in which the middle one of all examples lies.

    What it can prove is a segmentation's margin: one that the smallest segment can prove would let all others lose as much.
    """
    middle = sum(part.size for part in parts) / 2
    reached = 0
    for part in parts:
        reached += part.size
        if reached >= middle:
            return part.size
    return 0


def _most_unproven(chances: Sequence[float]) -> str | None:
    """`max_unproven` that a model which lost nothing rarely exceeds, given each segment's chance to stay unproven; None for the default."""
    distribution = np.ones(1)
    for unproven in chances:
        distribution = np.convolve(distribution, [1 - unproven, unproven])
    for tenths in range(round(UNPROVEN * 10), 10):
        if distribution[math.floor(tenths * len(chances) / 10 + 1e-9) + 1 :].sum() <= RISK:
            return None if tenths == round(UNPROVEN * 10) else f"{tenths * 10}%"
    return "100%"


def _provable(size: int) -> int | None:
    """The smallest margin that so many examples prove with a probability of 80 %, in half points, rounded up."""
    found = stats.smallest_provable_margin(size, FLIPS) if size else None
    return None if found is None or found > _WIDEST else math.ceil(found / _STEP - 1e-9)


def _power(size: int, steps: int) -> float:
    return float(stats.power_binary(size, FLIPS, steps * _STEP)) if size else 0.0


def _points(steps: int) -> str:
    return f"{steps * _STEP * 100:g}pp"


def _rounded_up(value: float) -> float:
    """To two significant digits."""
    unit = 10 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / unit - 1e-9) * unit:.2g}")

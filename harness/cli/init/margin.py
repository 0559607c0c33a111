"""A margin that the data can prove."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness import stats
from harness.cli.init.columns import Column

FLIPS = 0.05
"""Share of answers that are assumed to flip: compressed models commonly change 1 to 10 % of them."""

RESTLESSNESS = 0.05
"""Spread of the candidate's changes that is assumed of numbers, as a share of the target's own."""

_STEP = 0.005
_WIDEST = 0.5
"""A margin above half of everything proves nothing worth knowing."""

_PLACEHOLDER = "5pp"


@dataclass(frozen=True)
class Margin:
    """`metric` and `max_drop` of the suite's check, with what a person should know; `segments` maps a segmentation to the
    margin its smallest segment can prove. `warn_only` when the data can prove nothing."""

    name: str
    metric: str
    max_drop: str
    comment: str
    segments: dict[str, str]
    warn_only: bool = False


def margin_for_answers(rows: int, smallest: dict[str, int]) -> Margin:
    """For right-or-wrong answers: the smallest margin provable at 80 %, rounded up to half a point.

    `smallest` maps segmentations to the size of their smallest segment.
    """
    whole = _points(rows)
    segments = {name: _points(size) or _PLACEHOLDER for name, size in smallest.items()}
    if whole is None:
        comment = f"{rows:,} examples can prove no margin worth having: this check only warns, until there are more"
        return Margin("accuracy", "accuracy", _PLACEHOLDER, comment, dict.fromkeys(segments, _PLACEHOLDER), warn_only=True)
    provable = math.ceil((stats.smallest_provable_margin(rows, FLIPS) or 0.0) * 1_000 - 1e-9) / 10
    comment = f"{rows:,} examples can prove {provable:.1f}pp when {FLIPS * 100:.0f} % of the answers flip; a smaller margin"
    return Margin("accuracy", "accuracy", whole, f"{comment} would often fail a perfect model", segments)


def margin_for_numbers(rows: int, smallest: dict[str, int], target: Column) -> Margin:
    """For numbers: mean absolute error, no error counting more than the whole range of the target."""
    cap = _rounded_up(target.spread or 1.0)
    deviation = RESTLESSNESS * (target.deviation or cap)

    def provable(size: int) -> str:
        return f"{_rounded_up(float(stats.smallest_provable_margin_scores(size, deviation, cap))):g}"

    comment = (
        f"in the unit of {target.name}; provable when errors change by {RESTLESSNESS * 100:.0f} % of its spread: look again after a run"
    )
    return Margin("error", f"{{mae: {{cap: {cap:g}}}}}", provable(rows), comment, {name: provable(size) for name, size in smallest.items()})


def _points(rows: int) -> str | None:
    provable = stats.smallest_provable_margin(rows, FLIPS) if rows else None
    if provable is None or provable > _WIDEST:
        return None
    return f"{math.ceil(provable / _STEP - 1e-9) * _STEP * 100:g}pp"


def _rounded_up(value: float) -> float:
    """To two significant digits."""
    unit = 10 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / unit - 1e-9) * unit:.2g}")

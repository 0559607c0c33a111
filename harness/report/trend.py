"""A verdict's drop over the last runs, as a small drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.numbers import number, unit_of
from harness.core.verdict import Verdict
from harness.report.history import TrendPoint

WIDTH, HEIGHT, _EDGE = 220.0, 56.0, 6.0


@dataclass(frozen=True)
class Dot:
    """One run: where it is drawn, how it came out, what it says when pointed at."""

    x: float
    y: float
    outcome: str
    title: str
    low_y: float | None
    high_y: float | None


@dataclass(frozen=True)
class Sparkline:
    """Coordinates in a box of `WIDTH` × `HEIGHT`; larger drops lie higher. `margin_y` is None without a margin."""

    dots: tuple[Dot, ...]
    path: str
    zero_y: float
    margin_y: float | None
    description: str
    width: float = WIDTH
    height: float = HEIGHT


def sparkline(verdict: Verdict, points: Sequence[TrendPoint]) -> Sparkline | None:
    """The drawing, None with fewer than two measured runs."""
    measured = [(point, point.drop) for point in points if point.drop is not None]
    comparison = verdict.comparison
    if len(measured) < 2 or comparison is None:
        return None
    unit = unit_of(comparison)
    margin = comparison.margin
    seen = [0.0, *(drop for _, drop in measured), *([] if margin is None else [margin * 1.25])]
    bottom, top = min(seen), max(seen)
    span = (top - bottom) or 1.0

    def y(value: float) -> float:
        share = min(max((value - bottom) / span, 0.0), 1.0)
        return round(HEIGHT - _EDGE - share * (HEIGHT - 2 * _EDGE), 2)

    step = (WIDTH - 2 * _EDGE) / (len(measured) - 1)
    dots = tuple(
        Dot(
            x=round(_EDGE + step * i, 2),
            y=y(drop),
            outcome=point.outcome.lower(),
            title=f"{point.started}: drop {number(drop * unit.factor, 2)}{unit.suffix}, {point.outcome}",
            low_y=None if point.low is None else y(point.low),
            high_y=None if point.high is None else y(point.high),
        )
        for i, (point, drop) in enumerate(measured)
    )
    first, last = measured[0][1] * unit.factor, measured[-1][1] * unit.factor
    return Sparkline(
        dots=dots,
        path="M" + " L".join(f"{dot.x} {dot.y}" for dot in dots),
        zero_y=y(0.0),
        margin_y=None if margin is None else y(margin),
        description=f"drop over {len(measured)} runs, from {number(first, 2)} to {number(last, 2)}{unit.suffix}",
    )

"""Which candidates no other one beats: drop against size, and drop against speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.core.numbers import Unit, known, quantity, scaled, texts, unit_of
from harness.report.conclusion import Decision
from harness.report.material import Material
from harness.report.measured import Measured, measured, original_size
from harness.report.standing import Standing
from harness.report.text import one_line

_MOST_NAMED = 12


def front(points: Sequence[tuple[float, float]]) -> frozenset[int]:
    """Indexes of the points that no other is as good as in both coordinates and better in one; less is better.

    >>> sorted(front([(1, 3), (2, 1), (2, 2), (3, 1)]))
    [0, 1]
    """
    return frozenset(i for i, point in enumerate(points) if not any(_beats(other, point) for other in points))


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[0] and one[1] <= other[1] and one != other


@dataclass(frozen=True)
class Point:
    """One candidate in a plot: `x` is less for better, the drop is in the plot's unit; texts are what people read."""

    name: str
    x: float
    drop: float
    low: float | None
    high: float | None
    standing: Standing
    decision: Decision
    text_x: str
    text_drop: str
    interval: str | None
    on_front: bool = False


@dataclass(frozen=True)
class Plot:
    """Drops against one quantity. `original` is the original's place on that axis, `left_out` the candidates without a place."""

    key: str
    title: str
    axis: str
    points: tuple[Point, ...]
    left_out: tuple[str, ...]
    original: float | None
    margin: float | None
    margin_text: str
    unit: str

    @property
    def sentence(self) -> str:
        """The front in words, without a full stop."""
        named = sorted((point for point in self.points if point.on_front), key=lambda point: point.x)
        told = [_told(point) for point in named[:_MOST_NAMED]]
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        return f"No other candidate beats {'these' if len(named) > 1 else 'this one'} in both: {'; '.join(told)}{more}"


def _told(point: Point) -> str:
    """`narrow (33.6 KB, 0.3pp, must not ship)`."""
    decision = f", {point.decision.phrase()}" if point.decision is not Decision.MAY_SHIP else ""
    return f"{one_line(point.name, 80)} ({point.text_x}, {point.text_drop}{decision})"


def plots(material: Material) -> tuple[Plot, ...]:
    """The plots with at least two candidates to compare."""
    candidates = measured(material)
    speed = next((one.speed for one in candidates if one.speed is not None), None)
    where = speed.name.partition(", ")[2] if speed is not None else ""
    found = (
        _plot(
            candidates,
            "size",
            "Drop against size",
            "size on disk",
            [(one.size, quantity(one.size, "B")) for one in candidates],
            original_size(material),
        ),
        _plot(
            candidates,
            "speed",
            "Drop against speed",
            f"time against the original ({one_line(where, 60)})" if where else "time against the original",
            [(one.ratio, one.ratio_text) for one in candidates],
            1.0,
        ),
    )
    return tuple(plot for plot in found if plot is not None)


def _plot(
    candidates: Sequence[Measured],
    key: str,
    title: str,
    axis: str,
    places: Sequence[tuple[float | None, str | None]],
    original: float | None,
) -> Plot | None:
    """None with fewer than two candidates that have both figures. Drops in another unit than the first one's are left out."""
    compared = next((one.drop for one in candidates if one.drop is not None), None)
    if compared is None:
        return None
    unit = unit_of(compared)
    found = [_point(one, x, text, unit) for one, (x, text) in zip(candidates, places, strict=True)]
    points = [point for point in found if point is not None]
    if len(points) < 2:
        return None
    best = front([(point.x, point.drop) for point in points])
    return Plot(
        key=key,
        title=title,
        axis=axis,
        points=tuple(replace(point, on_front=i in best) for i, point in enumerate(points)),
        left_out=tuple(one.name for one, point in zip(candidates, found, strict=True) if point is None),
        original=known(original),
        margin=scaled(compared, unit.factor)[3],
        margin_text=one_line(compared.margin_text, 40) or texts(compared).margin or "",
        unit=unit.suffix,
    )


def _point(one: Measured, x: float | None, text: str | None, unit: Unit) -> Point | None:
    """Where a candidate lies; None when its size or speed, or its drop in this unit, is not known."""
    if x is None or text is None or x <= 0 or one.drop is None or unit_of(one.drop) is not unit:
        return None
    drop, low, high, _ = scaled(one.drop, unit.factor)
    if drop is None:
        return None
    words = texts(one.drop)
    return Point(one.name, x, drop, low, high, one.standing, one.decision, text, f"{words.drop}{unit.suffix}", words.interval)


def plot_data(plot: Plot) -> dict[str, object]:
    """What the page's script draws."""
    return {
        "key": plot.key,
        "title": plot.title,
        "axis": plot.axis,
        "original": plot.original,
        "margin": plot.margin,
        "marginText": plot.margin_text,
        "unit": plot.unit,
        "points": [
            {
                "name": one_line(point.name, 80),
                "x": point.x,
                "drop": point.drop,
                "low": point.low,
                "high": point.high,
                "s": point.standing.rank,
                "decision": point.decision.phrase(),
                "tx": point.text_x,
                "td": point.text_drop,
                "ti": point.interval,
                "front": point.on_front,
            }
            for point in plot.points
        ],
    }

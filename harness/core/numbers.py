"""Numbers as people read them, in every sentence, table and page alike: `3.9pp`, `90 %`, `−0.02`, `1.23 MB`, `2 segments`.

A drop is shown with as many decimals as its interval justifies, and with more where rounding would hide on which side
of the margin it lies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from harness.core.comparison import Comparison
from harness.core.estimate import Estimate
from harness.core.units import format_bytes, parse_change

_MOST_DECIMALS = 6
BEYOND_READING = 1e15
"""From here on a number is written with an exponent."""

NOTHING = 1e-9
"""What lies below is rounding of the computer's own, and not worth its digits."""

BYTES = ("B", "bytes", "byte")
SECONDS = ("s", "seconds")
SHARES = ("%", "share", "fraction")
"""Units of quantities that are written in a unit of their own."""


class Unit(StrEnum):
    """What a drop is counted in: percentage points, per cent of the original's value, or the metric's own unit."""

    POINTS = "points"
    RELATIVE = "relative"
    OWN = "own"

    @property
    def factor(self) -> float:
        """What a stored drop is multiplied by for display."""
        return 1.0 if self is Unit.OWN else 100.0

    @property
    def suffix(self) -> str:
        """What follows a displayed drop, written as in suites: `2pp`, `2%rel`."""
        return {Unit.POINTS: "pp", Unit.RELATIVE: "%rel", Unit.OWN: ""}[self]


def is_share(comparison: Comparison) -> bool:
    """Whether the metric's values are proportions; a margin in points says so too."""
    return comparison.share or comparison.margin_text.endswith("pp")


def unit_of(comparison: Comparison) -> Unit:
    """The unit of the drop and its margin.

    A `%rel` margin may be kept as a fraction of the original's value or converted to the metric's unit; the stored margin
    equals the number in its text exactly in the first case.
    """
    if comparison.margin is not None and comparison.margin_text.endswith("%rel"):
        amount = parse_change(comparison.margin_text).amount
        if math.isclose(comparison.margin, amount, rel_tol=1e-12, abs_tol=0.0):
            return Unit.RELATIVE
    return Unit.POINTS if is_share(comparison) else Unit.OWN


def known(value: float | None) -> float | None:
    """The value, None when it is missing or not finite."""
    return value if value is not None and math.isfinite(value) else None


def number(value: float, decimals: int) -> str:
    """`1,234.5`, with a true minus sign and never `−0.0`."""
    text = f"{value:,.{decimals}f}" if abs(value) < BEYOND_READING else f"{value:.3g}"
    if text.startswith("-"):
        return text[1:] if not any(c in "123456789" for c in text) else "−" + text[1:]
    return text


def percent(share: float, decimals: int = 0) -> str:
    """0.9 → `90 %`."""
    return f"{number(share * 100, decimals)} %"


def plural(count: int, noun: str) -> str:
    """`1 segment`, `2 segments`, `1,234 segments`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def listed(names: list[str], most: int = 3) -> str:
    """`a`, `a and b`, `a, b and 4 more`."""
    shown = names if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"]
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]


def seconds(value: float) -> str:
    """`12.3 ms`, `2 s`."""
    return f"{signed(f'{value * 1000:.3g}')} ms" if abs(value) < 1 else f"{signed(f'{value:,.4g}')} s"


def signed(text: str) -> str:
    """With a true minus sign."""
    return "−" + text[1:] if text.startswith("-") else text


def quantity(value: float | None, unit: str) -> str | None:
    """`1.23 MB`, `12.3 ms`, `3.4 %`, `1,234,567`, `0 (below 1e-9)`; None for what is missing or not finite."""
    finite = known(value)
    if finite is None:
        return None
    if abs(finite) >= BEYOND_READING:
        return f"{signed(f'{finite:.3g}')} {unit}".rstrip()
    if 0 < abs(finite) < NOTHING:
        return f"0 (below {NOTHING:.0e})".replace("e-0", "e-")
    if unit in BYTES:
        return format_bytes(finite)
    if unit in SECONDS:
        return seconds(finite)
    if unit in SHARES:
        return f"{signed(f'{finite * 100:.3g}')} %"
    text = f"{finite:,.0f}" if float(finite).is_integer() else f"{finite:,.4g}"
    return f"{signed(text)} {unit}".rstrip()


@dataclass(frozen=True)
class Texts:
    """A comparison in words; None for what is not known. `drop`, `low`, `high`, `margin` carry no unit."""

    unit: Unit
    level: str
    original: str | None
    candidate: str | None
    original_interval: str | None
    candidate_interval: str | None
    drop: str | None
    low: str | None
    high: str | None
    margin: str | None

    @property
    def interval(self) -> str | None:
        """`8.1 to 16.5`."""
        return f"{self.low} to {self.high}" if self.low is not None and self.high is not None else None

    @property
    def drop_with_interval(self) -> str | None:
        """`12.3pp (8.1 to 16.5)`."""
        if self.drop is None:
            return None
        return f"{self.drop}{self.unit.suffix} ({self.interval or 'no interval'})"


def texts(comparison: Comparison) -> Texts:
    """Every number of a comparison, with decimals that fit its uncertainty."""
    unit = unit_of(comparison)
    drop, low, high, margin = scaled(comparison, unit.factor)
    decimals = _decimals(unit, drop, low, high, margin)
    share = is_share(comparison)
    value_decimals = (
        decimals if unit is not Unit.RELATIVE else (1 if share else _decimals(Unit.OWN, comparison.original.value, None, None, None))
    )
    return Texts(
        unit=unit,
        level=f"{comparison.drop.level * 100:g} %",
        original=_value(comparison.original.value, share, value_decimals),
        candidate=_value(comparison.candidate.value, share, value_decimals),
        original_interval=_interval(comparison.original, share, value_decimals),
        candidate_interval=_interval(comparison.candidate, share, value_decimals),
        drop=None if drop is None else number(drop, decimals),
        low=None if low is None else number(low, decimals),
        high=None if high is None else number(high, decimals),
        margin=None if margin is None else f"{round(margin, max(decimals, 4)):g}".replace("-", "−"),
    )


def scaled(comparison: Comparison, factor: float) -> list[float | None]:
    """Drop, low, high and margin as displayed."""
    found = (known(v) for v in (comparison.drop.value, comparison.drop.low, comparison.drop.high, comparison.margin))
    return [None if v is None else known(v * factor) for v in found]


def _decimals(unit: Unit, value: float | None, low: float | None, high: float | None, margin: float | None) -> int:
    """Two significant digits of the interval's width, and enough to keep each number off the margin it is not on."""
    known_width = abs(high - low) if low is not None and high is not None else 0.0
    width = min(known_width or abs(value or 0.0) / 10 or 1.0, BEYOND_READING)
    fitting = 1 - math.floor(math.log10(width))
    decimals = min(max(fitting, 0), _MOST_DECIMALS) if unit is Unit.OWN else min(max(fitting - 1, 1), 4)
    if margin is not None:
        near = [v for v in (value, low, high) if v is not None and not math.isclose(v, margin, rel_tol=1e-9)]
        while decimals < _MOST_DECIMALS and any(round(v, decimals) == round(margin, decimals) for v in near):
            decimals += 1
    return decimals


def _value(value: float | None, share: bool, decimals: int) -> str | None:
    shown = known(None if value is None else value * (100 if share else 1))
    if shown is None:
        return None
    return number(shown, decimals) + (" %" if share else "")


def _interval(estimate: Estimate, share: bool, decimals: int) -> str | None:
    factor = 100 if share else 1
    low, high = (known(None if v is None else v * factor) for v in (estimate.low, estimate.high))
    return None if low is None or high is None else f"{number(low, decimals)} to {number(high, decimals)}"

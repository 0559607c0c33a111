"""Quantities as people write them: `2pp`, `2%rel`, `3%`, `2x`, `500MB`, `300ms`.

A bare number of per cent of a *change* has two meanings, two points or two per cent of the original's value, and is
therefore refused. All parsers raise `ValueError` with one sentence that says what to write instead.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

ChangeUnit = Literal["pp", "%rel", "own"]

_NUMBER = r"([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Change:
    """A tolerated change.

    `amount` is a fraction for `pp` and `%rel` (`2pp` → 0.02) and a number in the metric's own unit for `own`.
    """

    amount: float
    unit: ChangeUnit

    def __str__(self) -> str:
        if self.unit == "own":
            return f"{self.amount:g}"
        return f"{round(self.amount * 100, 10):g}{self.unit}"


def parse_change(text: object) -> Change:
    """`"2pp"` → 0.02 points, `"2%rel"` → 0.02 of the original's value, a bare number → the metric's own unit."""
    if isinstance(text, bool) or not isinstance(text, (int, float, str)):
        raise ValueError(f"{text!r} is not a change; write for instance 2pp (points) or 2%rel (of the original's value)")
    if isinstance(text, (int, float)):
        return Change(_not_negative(float(text), text), "own")
    compact = text.replace(" ", "")
    if found := re.fullmatch(_NUMBER + r"(pp|%rel)", compact):
        unit: ChangeUnit = "pp" if found[2] == "pp" else "%rel"
        amount = _not_negative(float(found[1]) / 100, text)
        if unit == "pp" and amount >= 1:
            raise ValueError(f"{_shown(text)} is more than any proportion can change; a limit in points lies below 100pp")
        return Change(amount, unit)
    if found := re.fullmatch(_NUMBER + "%", compact):
        raise ValueError(
            f"{text} of change is ambiguous: write {found[1]}pp for percentage points, "
            f"or {found[1]}%rel for per cent of the original's value"
        )
    if re.fullmatch(_NUMBER, compact):
        return Change(_not_negative(float(compact), text), "own")
    raise ValueError(f"{text!r} is not a change; write for instance 2pp (points) or 2%rel (of the original's value)")


def parse_share(text: object) -> float:
    """`"3%"` → 0.03. A number from 0 to 1 is taken as it stands."""
    if isinstance(text, str) and (found := re.fullmatch(_NUMBER + "%", text.replace(" ", ""))):
        return _within_one(float(found[1]) / 100, text)
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return _within_one(float(text), text)
    raise ValueError(f"{text!r} is not a share; write for instance 3%")


def parse_ratio(text: object) -> float:
    """`"2x"` → 2.0."""
    if isinstance(text, str) and (found := re.fullmatch(_NUMBER + "x", text.replace(" ", ""))):
        return _not_negative(float(found[1]), text)
    raise ValueError(f"{text!r} is not a ratio; write for instance 2x")


def parse_bytes(text: object) -> int:
    """`"500MB"` → 500,000,000; `"500MiB"` → 524,288,000."""
    if isinstance(text, str) and (found := re.fullmatch(_NUMBER + "([KMG]i?B|B)", text.replace(" ", ""))):
        return round(_not_negative(float(found[1]), text) * _BYTES[found[2]])
    raise ValueError(f"{text!r} is not a size; write for instance 500MB or 2GiB")


def parse_seconds(text: object) -> float:
    """`"300ms"` → 0.3; a unit is required."""
    if isinstance(text, str) and (found := re.fullmatch(_NUMBER + "(us|ms|s|min|h)", text.replace(" ", ""))):
        return _not_negative(float(found[1]), text) * _SECONDS[found[2]]
    raise ValueError(f"{text!r} is not a duration; write for instance 300ms or 2min")


def format_bytes(count: float) -> str:
    """1_234_567 → `1.23 MB`."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}" if count / factor < 100 else f"{count / factor:.0f} {unit}"
    return f"{count:.0f} B"


def _not_negative(value: float, text: object) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{_shown(text)} is not a finite number; a limit has to be one")
    if value < 0:
        raise ValueError(f"{_shown(text)} is negative; a limit is zero or more")
    return value


def _shown(text: object) -> str:
    written = str(text)
    return written if len(written) <= 40 else written[:37] + "…"


def _within_one(value: float, text: object) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{text} is not between 0% and 100%")
    return value

"""Stored drops as people read them."""

from __future__ import annotations

import math

from harness.core.numbers import signed
from harness.core.suite import Suite
from harness.core.units import Change


class Units:
    """Writes a drop in the unit of its check's margin: points for `pp`, the metric's own unit otherwise."""

    def __init__(self, suite: Suite) -> None:
        limits = {spec.name: getattr(spec.parameters, "max_drop", None) for spec in suite.checks}
        self._points = {name for name, limit in limits.items() if isinstance(limit, Change) and limit.unit == "pp"}

    def __call__(self, item: str, value: float | None, *, sign: bool = False) -> str:
        """`item` is an item's name, `int8::accuracy[language:bn]`; a dash stands for no value."""
        if value is None or math.isnan(value):
            return "–"
        check = item.partition("::")[2].partition("[")[0]
        plus = "+" if sign else ""
        # Adding nothing makes a negative zero an ordinary one.
        text = f"{round(value * 100, 2) + 0.0:{plus}.2f}pp" if check in self._points else f"{value + 0.0:{plus}.4g}"
        return signed(text)

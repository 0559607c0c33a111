"""A candidate that is smaller and slower: what it gains in one it pays for in the other, and the headline says so."""

from __future__ import annotations

from collections.abc import Iterable

from harness.core.estimate import DISK_BYTES, MEDIAN_RATIO, Figure
from harness.core.numbers import known, number
from harness.core.verdict import Verdict
from harness.report.text import one_line


def smaller_but_slower(candidate: str, verdicts: Iterable[Verdict]) -> str | None:
    """`int8 is 74 % smaller and slower: its median takes 3.1 times as long (2.9 to 3.3; batch 1)`; None where it is not so.

    Slower is what the interval of the median's ratio says: it lies above 1 as a whole. Of several input sizes the worst.
    """
    figures = [figure for verdict in verdicts for figure in verdict.figures]
    smaller = _reduction(figures)
    slow = [figure for figure in figures if figure.quantity == MEDIAN_RATIO and (known(figure.low) or 0.0) > 1]
    if smaller is None or not slow:
        return None
    worst = max(slow, key=lambda figure: figure.low or 0.0)
    where = worst.name.partition(", ")[2]
    interval = f"{_ratio(worst.low)} to {_ratio(worst.high)}" + (f"; {one_line(where, 60)}" if where else "")
    return (
        f"{one_line(candidate, 80)} is {smaller} smaller and slower: its median takes {_ratio(worst.candidate)} times as long ({interval})"
    )


def _reduction(figures: Iterable[Figure]) -> str | None:
    for figure in figures:
        before, after = known(figure.original), known(figure.candidate)
        if figure.quantity == DISK_BYTES and before is not None and after is not None and 0 <= after < before:
            return f"{number((1 - after / before) * 100, 0)} %"
    return None


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"

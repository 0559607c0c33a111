"""Measured figures as people read them: bytes, seconds, counts and shares, each beside the original's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.arrays.footprint import Footprint
from harness.core.estimate import Figure
from harness.core.numbers import BEYOND_READING, BYTES, SECONDS, known, number, quantity
from harness.report.extras import ReportExtras
from harness.report.text import one_line


@dataclass(frozen=True)
class FigureRow:
    """One figure in words; None where nothing was measured. `met` is None without a limit, or when the limit lies inside the interval."""

    name: str
    original: str | None
    candidate: str | None
    change: str | None
    limit: str | None
    met: bool | None
    met_word: str
    note: str


def figure_row(figure: Figure) -> FigureRow:
    """A figure in words, with the change against the original; a noise floor stands in the original's place and needs no note."""
    return FigureRow(
        one_line(figure.title, 80),
        quantity(figure.original, one_line(figure.unit, 20)),
        _with_interval(figure),
        change(figure.original, figure.candidate) if _compares(figure) else None,
        None if figure.limit is None else one_line(figure.limit, 80),
        figure.met,
        _met_word(figure),
        "" if figure.note.startswith("noise floor") else one_line(figure.note, 300),
    )


def _with_interval(figure: Figure) -> str | None:
    """`21.9 (20.8 to 23) %`, the unit once where it is the same."""
    value, low, high = (quantity(each, one_line(figure.unit, 20)) for each in (figure.candidate, figure.low, figure.high))
    if value is None or low is None or high is None:
        return value
    numbers, units = zip(*(text.partition(" ")[::2] for text in (value, low, high)), strict=True)
    if len(set(units)) > 1:
        return f"{value} ({low} to {high})"
    return f"{numbers[0]} ({numbers[1]} to {numbers[2]}) {units[0]}".rstrip()


def _met_word(figure: Figure) -> str:
    if figure.limit is None:
        return ""
    if figure.met is None:
        return "not measured" if known(figure.candidate) is None else "not settled"
    return "met" if figure.met else "not met"


def _compares(figure: Figure) -> bool:
    """Whether the original's value is one to be relative to: sizes, times and counts, but no noise floor."""
    counts = all(value is not None and float(value).is_integer() for value in (figure.original, figure.candidate))
    return figure.unit in (*BYTES, *SECONDS) or (figure.unit == "" and counts)


def change(original: float | None, candidate: float | None) -> str | None:
    """The candidate's value relative to the original's: `−74 %`; None when it cannot be said."""
    before, after = known(original), known(candidate)
    if before is None or after is None or before <= 0:
        return None
    percent = (after / before - 1) * 100
    if abs(percent) >= BEYOND_READING:
        return None
    decimals = 0 if round(abs(percent), 6) >= 10 else 1
    return ("+" if round(percent, decimals) > 0 else "") + number(percent, decimals) + " %"


@dataclass(frozen=True)
class FootprintTable:
    """Models side by side: a header of quantities, and per model a cell (value, change against the original) for each."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str | None, str | None], ...]], ...]


_QUANTITIES: tuple[tuple[str, str, Callable[[Footprint], float | None]], ...] = (
    ("On disk", "B", lambda f: f.disk_bytes),
    ("Compressed (gzip)", "B", lambda f: f.gzip_bytes),
    ("Parameters", "", lambda f: f.weights.parameters if f.weights else None),
    ("Non-zero", "", lambda f: f.weights.non_zero if f.weights else None),
    ("Below 16 bits", "%", lambda f: f.weights.low_precision / f.weights.parameters if f.weights and f.weights.parameters else None),
    ("Load time", "s", lambda f: f.load_seconds),
    ("Peak memory", "B", lambda f: f.peak_memory),
)


def footprint_table(extras: ReportExtras) -> FootprintTable | None:
    """What each model weighs, None when nothing is known. Quantities that no model has are left out."""
    prints = extras.footprints
    used = [(name, unit, get) for name, unit, get in _QUANTITIES if any(get(footprint) is not None for footprint in prints.values())]
    if not used:
        return None
    original = prints.get(extras.original)
    order = sorted(prints, key=lambda model: model != extras.original)
    rows = tuple(
        (
            model,
            tuple(
                _cell(get(prints[model]), get(original) if original and model != extras.original else None, unit) for _, unit, get in used
            ),
        )
        for model in order
    )
    return FootprintTable(tuple(name for name, _, _ in used), rows)


def _cell(value: float | None, original: float | None, unit: str) -> tuple[str | None, str | None]:
    return quantity(value, unit), None if unit == "%" else change(original, value)

"""What was found after each step of a candidate with `judge: each_step`: for a report, and in words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.core.numbers import known, texts
from harness.core.outcome import Outcome
from harness.core.segment import Segment
from harness.core.steps import StepVerdicts, broken_at
from harness.core.verdict import Verdict
from harness.report.standing import Standing, worst_first
from harness.report.text import one_line

_MOST_ROWS = 100
_STANDINGS = {
    Outcome.PASS: Standing.PASS,
    Outcome.FAIL: Standing.FAIL,
    Outcome.INCONCLUSIVE: Standing.WARNED,
    Outcome.INVALID: Standing.INVALID,
    Outcome.SKIPPED: Standing.SKIPPED,
    Outcome.ERROR: Standing.ERROR,
}


@dataclass(frozen=True)
class StepColumn:
    """One step, or one stage of it; `not_run` says why there is nothing below it."""

    step: int
    technique: str
    stage: int | None = None
    not_run: str = ""


@dataclass(frozen=True)
class StepCell:
    """An outcome with the observed drop: positive when worse, in the metric's unit; `shown` is how every sentence writes it."""

    outcome: str
    suspect: bool = False
    drop: float | None = None
    shown: str = ""


@dataclass(frozen=True)
class StepRow:
    """The whole (None), or a segment by its label. `broken` is the index of the column that broke it, or since which it is not proven."""

    segment: str | None
    cells: tuple[StepCell | None, ...]
    broken: int | None = None


@dataclass(frozen=True)
class StepTable:
    """One check of one candidate after every step, the last being the end: the whole, and the segments that are not PASS in the end."""

    candidate: str
    check: str
    columns: tuple[StepColumn, ...]
    rows: tuple[StepRow, ...]


def step_table(candidate: str, check: str, steps: Sequence[StepVerdicts], judged: Collection[Segment | None]) -> StepTable:
    """The table of `steps`, whose last is the candidate itself, over the whole and those of the `judged` segments that are not PASS."""
    end = steps[-1].verdicts
    segments = [v.segment for v in worst_first(end) if v.segment is not None and v.segment in judged and v.outcome is not Outcome.PASS]
    columns = tuple(StepColumn(one.reached.step, one.reached.technique, one.reached.stage, one.not_run) for one in steps)
    return StepTable(candidate, check, columns, tuple(_row(segment, steps) for segment in (None, *segments)))


def _row(segment: Segment | None, steps: Sequence[StepVerdicts]) -> StepRow:
    cells = tuple(_cell(step.verdict(segment)) for step in steps)
    return StepRow(None if segment is None else segment.label, cells, broken_at(segment, steps))


def _cell(verdict: Verdict | None) -> StepCell | None:
    if verdict is None:
        return None
    found = verdict.comparison
    words = texts(found) if found is not None else None
    shown = f"{words.drop}{words.unit.suffix}" if words is not None and words.drop is not None else ""
    return StepCell(str(verdict.outcome), verdict.suspect, None if found is None else known(found.drop.value), shown)


@dataclass(frozen=True)
class CellWords:
    """One cell: how it stands (None where nothing was run), its word, the drop, and whether this step broke the row."""

    standing: Standing | None
    word: str
    drop: str
    broke: bool


@dataclass(frozen=True)
class RowWords:
    """One row; `segment` is None for the whole."""

    segment: str | None
    cells: tuple[CellWords, ...]


@dataclass(frozen=True)
class StepWords:
    """One table in words; `not_run` are sentences about columns without a model."""

    candidate: str
    check: str
    header: tuple[str, ...]
    rows: tuple[RowWords, ...]
    left_out: int
    not_run: tuple[str, ...]


def step_words(table: StepTable) -> StepWords:
    """The table as a page or a comment shows it."""
    header = tuple(_header(column) for column in table.columns)
    rows = tuple(
        RowWords(
            None if row.segment is None else one_line(row.segment),
            tuple(_cell_words(cell, broke=row.broken == index) for index, cell in enumerate(row.cells)),
        )
        for row in table.rows[:_MOST_ROWS]
    )
    missing = ((name, column.not_run) for name, column in zip(header, table.columns, strict=True) if column.not_run)
    not_run = tuple(f"{name} was not run: {one_line(why, 300)}" for name, why in missing)
    return StepWords(table.candidate, table.check, header, rows, max(0, len(table.rows) - _MOST_ROWS), not_run)


def _header(column: StepColumn) -> str:
    """`1. prune`, or `1. prune, stage 3`."""
    return f"{column.step}. {one_line(column.technique, 40)}" + (f", stage {column.stage}" if column.stage is not None else "")


def _cell_words(cell: StepCell | None, *, broke: bool) -> CellWords:
    if cell is None:
        return CellWords(None, "not run", "", broke=False)
    standing = Standing.SUSPECT if cell.suspect and cell.outcome == Outcome.INCONCLUSIVE else _STANDINGS[Outcome(cell.outcome)]
    return CellWords(standing, standing.word, one_line(cell.shown, 40), broke)

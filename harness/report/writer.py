"""Writing the reports of a run: one folder per suite, and one line more in the history."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.core.run import RunRecord, SuiteRecord
from harness.core.verdict import Verdict
from harness.errors import StoreError
from harness.report import history
from harness.report.extras import ReportExtras
from harness.report.files import suite_folder, write_atomically
from harness.report.markdown import summary_text
from harness.report.page import page_text
from harness.report.result_json import result_text
from harness.report.sections import Trends
from harness.report.standing import Standing, standing_of, worst_first

HISTORY = "history.sqlite"
_MOST_TRENDS = 60


def write_reports(run: RunRecord, folder: Path, extras: Mapping[str, ReportExtras] | None = None, *, remember: bool = True) -> list[Path]:
    """Write `index.html`, `summary.md` and `result.json` of every suite below `folder`; the paths, in that order per suite.

    `extras` maps suite names to what the verdicts do not hold. `remember` adds the run to `folder/history.sqlite` first (the
    same run twice counts once); a history that cannot be used costs the trend, not the report, which then says so. Each file
    is replaced whole or not at all. Raises `StoreError` when the folder cannot be written.
    """
    trouble = _remember(folder / HISTORY, run) if remember else None
    written: list[Path] = []
    for record in run.suites:
        trends, unread = _trends(folder / HISTORY, run, record)
        written += _write(run, record, (extras or {}).get(record.suite, ReportExtras()), folder, trends, trouble or unread)
    return written


def _write(run: RunRecord, record: SuiteRecord, extras: ReportExtras, folder: Path, trends: Trends, trouble: str | None) -> list[Path]:
    target = suite_folder(folder, record.suite)
    return [
        write_atomically(target / "index.html", page_text(run, record, extras, trends, trouble)),
        write_atomically(target / "summary.md", summary_text(run, record, extras)),
        write_atomically(target / "result.json", result_text(run, record, extras)),
    ]


def _remember(path: Path, run: RunRecord) -> str | None:
    try:
        history.append(path, run)
    except StoreError as error:
        return str(error)
    return None


def _trends(path: Path, run: RunRecord, record: SuiteRecord) -> tuple[Trends, str | None]:
    """The history of every whole, and of the worst segments."""
    shown = [verdict for verdict in worst_first(record.verdicts) if _has_trend(verdict)][:_MOST_TRENDS]
    try:
        points = history.trends(path, record.suite, shown, until=run.started)
    except StoreError as error:
        return {}, str(error)
    return {verdict.item_name: found for verdict, found in zip(shown, points, strict=True) if len(found) > 1}, None


def _has_trend(verdict: Verdict) -> bool:
    return verdict.segment is None or standing_of(verdict).blocks or standing_of(verdict) in (Standing.SUSPECT, Standing.EXPECTED)

"""Writing the reports of a run: one folder per suite, and one line more in the history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.core.run import RunRecord
from harness.core.verdict import Verdict
from harness.errors import StoreError
from harness.report import history
from harness.report.extras import ReportExtras
from harness.report.files import report_folder, write_atomically
from harness.report.markdown import summary_text
from harness.report.material import Material, Trends
from harness.report.page import page_text
from harness.report.result_json import result_text
from harness.report.standing import Standing, standing_of

HISTORY = "history.sqlite"
_MOST_TRENDS = 60


def write_reports(run: RunRecord, folder: Path, extras: Mapping[str, ReportExtras] | None = None, *, remember: bool = True) -> list[Path]:
    """Write `index.html`, `summary.md` and `result.json` of every suite below `folder`; the paths, in that order per suite.

    A partial run goes to a folder of its own inside the suite's, so that the last full report stays.
    `extras` maps suite names to what the verdicts do not hold. `remember` adds the run to `folder/history.sqlite` first (the
    same run twice counts once); a history that cannot be used costs the trend, not the report, which then says so. Each file
    is replaced whole or not at all. Raises `StoreError` when the folder cannot be written.
    """
    trouble = _remember(folder / HISTORY, run) if remember else None
    written: list[Path] = []
    for record in run.suites:
        material = Material(run, record, (extras or {}).get(record.suite, ReportExtras()))
        trends, unread = _trends(folder / HISTORY, material)
        written += _write(
            replace(material, trends=trends, no_trend=trouble or unread), report_folder(folder, record.suite, partial=record.partial)
        )
    return written


def _write(material: Material, target: Path) -> list[Path]:
    return [
        write_atomically(target / "index.html", page_text(material)),
        write_atomically(target / "summary.md", summary_text(material)),
        write_atomically(target / "result.json", result_text(material.run, material.record, material.extras)),
    ]


def _remember(path: Path, run: RunRecord) -> str | None:
    try:
        history.append(path, run)
    except StoreError as error:
        return str(error)
    return None


def _trends(path: Path, material: Material) -> tuple[Trends, str | None]:
    """The history of every whole, and of the worst segments."""
    wholes = [verdict for verdict in material.ordered if verdict.segment is None]
    segments = [verdict for verdict in material.ordered if verdict.segment is not None and _stands_out(verdict)]
    shown = [*wholes, *segments][:_MOST_TRENDS]
    try:
        points = history.trends(path, material.record.suite, shown, until=material.run.started)
    except StoreError as error:
        return {}, str(error)
    return {verdict.item_name: found for verdict, found in zip(shown, points, strict=True) if len(found) > 1}, None


def _stands_out(verdict: Verdict) -> bool:
    return standing_of(verdict).blocks or standing_of(verdict) in (Standing.SUSPECT, Standing.EXPECTED)

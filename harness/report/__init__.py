"""Reports: `index.html`, `summary.md` and `result.json` per suite, the terminal's pieces, and the history of runs.

Importing this package loads none of its parts; each name below does so when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.report.conclusion import headline
    from harness.report.extras import Confusion, FlipTable, ReportExtras
    from harness.report.result_json import verdict_row
    from harness.report.result_reader import StoredReport, read_report, read_result, verdict_of
    from harness.report.terminal import failure_block, suite_table, suite_text
    from harness.report.writer import write_reports

__all__ = [
    "Confusion",
    "FlipTable",
    "ReportExtras",
    "StoredReport",
    "failure_block",
    "headline",
    "read_report",
    "read_result",
    "suite_table",
    "suite_text",
    "verdict_of",
    "verdict_row",
    "write_reports",
]

_HOMES = {
    "Confusion": "extras",
    "FlipTable": "extras",
    "ReportExtras": "extras",
    "StoredReport": "result_reader",
    "failure_block": "terminal",
    "headline": "conclusion",
    "read_report": "result_reader",
    "read_result": "result_reader",
    "suite_table": "terminal",
    "suite_text": "terminal",
    "verdict_of": "result_reader",
    "verdict_row": "result_json",
    "write_reports": "writer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

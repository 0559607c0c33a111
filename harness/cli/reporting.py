"""`harness report`: pages again from `result.json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness import wiring
from harness.cli.console import near, say
from harness.cli.finding import DEFAULT, find_suite, find_suites
from harness.errors import StoreError
from harness.report import headline, read_report, write_reports
from harness.report.files import PARTIAL, report_folder

RESULT = "result.json"


def render_again(wanted: Sequence[str], folder: Path | None, *, only_path: bool) -> None:
    """Write the pages of the given results, or of the latest results of suites; without any, of all there are."""
    for result in _results(wanted, folder):
        stored = read_report(result)
        if only_path:
            page = result.with_name("index.html")
            if not page.is_file():
                page = _write(result)
            say(str(page))
            continue
        partial = "partial run" if stored.record.partial else "run"
        say(f"{stored.record.suite}: {headline(stored.record)} ({partial} of {stored.run.started})")
        say(f"report: {near(_write(result))}")


def _write(result: Path) -> Path:
    """The page of a result, written where `result.json` stands; the history is not told twice."""
    stored = read_report(result)
    record = stored.record
    above = (folder for folder in result.parents if report_folder(folder, record.suite, partial=record.partial) == result.parent)
    target = next(above, result.parent)
    paths = write_reports(stored.run, target, {stored.record.suite: stored.extras}, remember=False)
    return next(path for path in paths if path.name == "index.html")


def _results(wanted: Sequence[str], folder: Path | None) -> list[Path]:
    if not wanted:
        return _all(folder)
    return [Path(each) if Path(each).suffix == ".json" else latest_result(each, folder) for each in wanted]


def _all(folder: Path | None) -> list[Path]:
    if folder is not None or not DEFAULT.is_dir():
        reports = folder or Path("reports")
        found = sorted((*reports.glob(f"*/{RESULT}"), *reports.glob(f"*/{PARTIAL}/{RESULT}")))
    else:
        found = [path for suite in find_suites(()).suites if (path := result_of(suite.name, suite.path, None)).is_file()]
    if not found:
        raise StoreError(f"there is no {RESULT} in {folder or 'reports'}/; run: harness run")
    return found


def latest_result(suite: str, folder: Path | None) -> Path:
    """The result.json of a suite's latest run; `StoreError` when there is none."""
    loaded = find_suite(suite)
    path = result_of(loaded.name, loaded.path, folder)
    if not path.is_file():
        raise StoreError(f"there is no result of suite {loaded.name} at {path}; run: harness run {loaded.path}")
    return path


def result_of(name: str, path: Path, folder: Path | None) -> Path:
    """Where a suite's result stands: that of the last full run; before there was one, that of the last partial run."""
    reports, partial = folder or wiring.find_project(path, Path.cwd()).reports, partial_result(name, path, folder)
    full = report_folder(reports, name, partial=False) / RESULT
    return partial if partial.is_file() and not full.is_file() else full


def partial_result(name: str, path: Path, folder: Path | None) -> Path:
    """Where the result of a suite's last partial run stands, if there was one."""
    return report_folder(folder or wiring.find_project(path, Path.cwd()).reports, name, partial=True) / RESULT

"""`harness run` and `harness judge`: every suite judged, shown and reported."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness import wiring
from harness.api.judging import judge_session, skipped_record
from harness.cli.console import colourful, near, say, tell, width
from harness.cli.ending import sentence_of
from harness.cli.finding import Found, candidates_in, find_suites
from harness.cli.progress import progress_for
from harness.cli.status import blocks, status_of
from harness.core.numbers import plural
from harness.core.run import RunRecord, SuiteRecord
from harness.core.suite import Suite
from harness.engine.session import Session
from harness.engine.tools import Options
from harness.errors import HarnessError
from harness.report import failure_block, suite_text
from harness.report.causes import by_cause
from harness.report.standing import worst_first
from harness.report.text import one_line

_BLOCKS = 10
"""Verdicts of a suite that are explained in the terminal, worst first."""


@dataclass(frozen=True)
class Request:
    """What the command line asked for."""

    paths: tuple[Path, ...]
    candidates: tuple[str, ...]
    fresh: bool
    strict: bool
    report: Path | None
    no_report: bool
    without_original: bool
    quiet: bool
    gather: bool = True


@dataclass(frozen=True)
class Judged:
    """One suite's record, and the session behind it (None when the suite was skipped)."""

    suite: Suite
    record: SuiteRecord
    session: Session | None
    project: wiring.Project


def run_suites(request: Request) -> int:
    """Judge every suite, print and report; the exit status."""
    started = time.time()
    run_id = uuid.uuid4().hex[:12]
    found = find_suites(request.paths)
    chosen = candidates_in(found.suites, request.candidates) if found.suites else {}
    options = Options(
        fresh_since=started if request.fresh else None,
        gather=request.gather,
        without_original=request.without_original,
        run_id=run_id,
    )
    judged = []
    for suite in found.suites:
        if suite.name in chosen:
            one = _judge(suite, chosen[suite.name] if request.candidates else (), options, request)
            judged.append(one)
            _show(one, request)
    unreported = False
    if not request.no_report:
        unreported = _report(judged, run_id, started, request.report)
    _complain(found)
    return status_of([one.record for one in judged], strict=request.strict, broken=bool(found.errors) or unreported)


def _judge(suite: Suite, candidates: tuple[str, ...], options: Options, request: Request) -> Judged:
    project = wiring.find_project(suite.path, Path.cwd())
    reason = wiring.missing_requirement(suite)
    if reason is not None:
        return Judged(suite, skipped_record(suite, reason, candidates), None, project)
    session = wiring.session(suite, project, options, progress_for(quiet=request.quiet))
    return Judged(suite, judge_session(session, candidates), session, project)


def _show(judged: Judged, request: Request) -> None:
    """The table, then what blocks, then what a person should know."""
    record = judged.record
    if judged.session is None:
        say(f"suite {record.suite} SKIPPED: {record.verdicts[0].reason if record.verdicts else 'it has no check'}")
        return
    if not request.quiet:
        say(suite_text(record, width=width(), colour=colourful()))
    blocking = [verdict for verdict in worst_first(record.verdicts) if blocks(verdict, strict=request.strict)]
    causes = by_cause(blocking)
    for cause in causes[:_BLOCKS]:
        say()
        say(failure_block(cause[0]))
        if len(cause) > 1:
            say(f"  the same holds for {plural(len(cause) - 1, 'other item')} of {one_line(cause[0].candidate, 80)}")
    left = sum(len(cause) for cause in causes[_BLOCKS:])
    if left:
        say(f"\n{plural(left, 'more verdict')} block; the report shows them all")
    for warning in record.warnings:
        tell(f"warning: {record.suite}: {warning}")
    say()


def _report(judged: list[Judged], run_id: str, started: float, given: Path | None) -> bool:
    """Write the reports, one run per report folder; whether that failed. A skipped suite keeps the report it has."""
    moment = datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds")
    folders: dict[Path, list[Judged]] = {}
    for one in judged:
        if one.session is not None:
            folders.setdefault(given or one.project.reports, []).append(one)
    failed = False
    for folder, members in folders.items():
        run = RunRecord(run_id, moment, tuple(one.record for one in members), wiring.environment())
        sessions = {one.suite.name: one.session for one in members if one.session is not None}
        try:
            for path in wiring.report(run, folder, sessions):
                if path.name == "index.html":
                    tell(f"report: {near(path)}")
        except HarnessError as error:
            failed = True
            tell(f"no report was written: {error}")
    return failed


def _complain(found: Found) -> None:
    for error in found.errors:
        tell(sentence_of(error))

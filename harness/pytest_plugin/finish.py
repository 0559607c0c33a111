"""The end of a run: facts go to the controlling process, which writes reports and prints tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness import wiring
from harness.core.run import RunRecord, SuiteRecord, quiet_warnings
from harness.engine.session import Session
from harness.engine.tools import Options
from harness.errors import HarnessError
from harness.pytest_plugin.ledger import Ledger, ledger
from harness.report import suite_text, verdict_of

WIDTH_OF_LOGS = 120
"""Columns a table may take where no terminal says how wide it is."""


def finish(session: pytest.Session) -> None:
    """Writes the reports of this run; a worker hands over what it learnt instead."""
    book = ledger(session.config)
    for name, suite_session in book.sessions.items():
        record = suite_session.record()
        facts = {"fingerprints": dict(record.fingerprints), "seconds": record.seconds, "model_calls": record.model_calls}
        book.suites[name].update(facts)
    if book.is_worker:
        session.config.workeroutput["harness"] = book.suites  # type: ignore[attr-defined]  # set by xdist on its workers
        return
    if session.config.getoption("--no-harness-report") or not book.verdicts:
        return
    try:
        record = record_of(book)
        # A suite of which nothing was judged (deselected, skipped, not readable) keeps the report it has.
        record = replace(record, suites=tuple(suite for suite in record.suites if suite.verdicts))
        written = wiring.report(record, _folder(session.config, book), _sessions(session.config, book))
        book.messages.extend(f"report: {_relative(str(path))}" for path in written if path.suffix == ".html")
    except HarnessError as error:
        book.messages.append(f"no report was written: {error}")
        if session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def summarise(terminal: pytest.TerminalReporter) -> None:
    """One table per suite, then where the reports are."""
    if terminal.config.get_verbosity() < -1:
        return
    writer, book = terminal._tw, ledger(terminal.config)
    width = writer.fullwidth if terminal.isatty else max(writer.fullwidth, WIDTH_OF_LOGS)
    for suite in record_of(book).suites:
        if suite.verdicts:
            terminal.section(f"suite {suite.suite}", sep="-")
            # Line by line: where a terminal does not know a character pytest escapes all of what it is given, line ends included.
            for line in suite_text(suite, width=width, colour=bool(writer.hasmarkup)).rstrip().splitlines():
                terminal.write_line(line)
            for warning in suite.warnings:
                terminal.write_line(f"warning: {warning}")
    for message in book.messages:
        terminal.write_line(message)


def record_of(book: Ledger) -> RunRecord:
    """Everything this run found."""
    suites = []
    for name, facts in book.suites.items():
        verdicts = tuple(verdict_of(name, v) for v in book.verdicts.values() if v["suite"] == name)
        suites.append(
            SuiteRecord(
                suite=name,
                about=facts.get("about", ""),
                path=_relative(facts["path"]),
                verdicts=verdicts,
                fingerprints=facts.get("fingerprints", {}),
                warnings=tuple(dict.fromkeys((*facts.get("warnings", ()), *quiet_warnings(verdicts)))),
                seconds=facts.get("seconds", 0.0),
                model_calls=facts.get("model_calls", 0),
                partial=facts.get("partial", False) or len(verdicts) < facts.get("items", 0),
            )
        )
    started = datetime.fromtimestamp(book.started, UTC).isoformat(timespec="seconds")
    return RunRecord(id=book.run_id, started=started, suites=tuple(suites), environment=wiring.environment())


def _sessions(config: pytest.Config, book: Ledger) -> dict[str, Session]:
    """The sessions of this run; where worker processes had them, new ones that read what was stored."""
    sessions = dict(book.sessions)
    for name, facts in book.suites.items():
        if name not in sessions:
            path = Path(facts["path"])
            project = wiring.find_project(path, Path(config.invocation_params.dir))
            without_original = bool(config.getoption("--without-original"))
            options = Options(gather=False, without_original=without_original, run_id=book.run_id)
            sessions[name] = wiring.session(wiring.load(path), project, options)
    return sessions


def _relative(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def _folder(config: pytest.Config, book: Ledger) -> Path:
    given: str | None = config.getoption("--harness-report")
    if given:
        return Path(config.invocation_params.dir) / given
    first = next(iter(book.suites.values()))
    project = wiring.find_project(Path(first["path"]), Path(config.invocation_params.dir))
    return project.reports

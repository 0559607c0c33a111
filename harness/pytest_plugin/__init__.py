"""The pytest door: suite files become test items. Loaded in every pytest run, so it imports nothing heavy until a suite is found."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.core.detect import is_suite_file
from harness.pytest_plugin.options import add_options

if TYPE_CHECKING:
    from harness.pytest_plugin.collection import SuiteFile

# The hooks import their helpers when they are called: this module is loaded by every pytest run of an environment,
# also of projects without a single suite, and must cost them nothing.
# ruff: noqa: PLC0415


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the harness's options."""
    add_options(parser)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
    """A YAML file that declares `schema` and `suite` is a suite; all others are left alone."""
    if file_path.suffix not in (".yaml", ".yml") or not is_suite_file(file_path):
        return None
    from harness.pytest_plugin.collection import SuiteFile

    suite: SuiteFile = SuiteFile.from_parent(parent, path=file_path)
    return suite


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attaches the verdict to the report, so that it survives the way from a worker process; a verdict has no traceback."""
    report = yield
    verdict = getattr(item, "verdict_json", None)
    if verdict is not None and call.excinfo is not None and report.outcome == "failed":
        # pytest asks an item how to show its failure only when it comes from the call, not from the setup.
        report.longrepr = item.repr_failure(call.excinfo)  # the text that pytest's own collectors give too
    if verdict is not None and (report.when == "call" or report.outcome != "passed"):
        report.__dict__["harness_verdict"] = verdict()
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """An INCONCLUSIVE that only warns has a letter of its own: never a green dot."""
    verdict = getattr(report, "harness_verdict", None)
    if verdict is not None and report.when == "call" and report.passed and verdict["outcome"] == "INCONCLUSIVE":
        return "inconclusive", "?", ("INCONCLUSIVE", {"yellow": True})
    return None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuses a --candidate that no suite has: a run that judges nothing by a slip must not look like one that was asked for."""
    wanted = session.config.getoption("--candidate")
    if not wanted:
        return
    from harness.pytest_plugin.ledger import ledger

    known = ledger(session.config).candidates
    unknown = [name for name in wanted if name not in known]
    if known and unknown:
        raise pytest.UsageError(f"no suite has a candidate {unknown[0]!r}; there are: {', '.join(sorted(known))}")


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Says at collection what the data can never prove."""
    if not any(hasattr(item, "verdict_json") for item in items):
        return []
    from harness.pytest_plugin.notes import power_lines

    return power_lines(config, items)


def pytest_configure(config: pytest.Config) -> None:
    """Starts a run: its id, shared with worker processes, and what collects its verdicts."""
    from harness.pytest_plugin.causes import Causes
    from harness.pytest_plugin.ledger import begin

    begin(config)
    config.pluginmanager.register(Causes(), "harness_causes")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells an xdist worker which run it belongs to."""
    from harness.pytest_plugin.ledger import ledger

    node.workerinput["harness_run"] = ledger(node.config).run_token()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes over what an xdist worker learnt beside its verdicts."""
    from harness.pytest_plugin.ledger import ledger

    ledger(node.config).merge((getattr(node, "workeroutput", None) or {}).get("harness", {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the reports, or hands what was learnt to the process that will."""
    from harness.pytest_plugin.ledger import ledger

    if ledger(session.config).used:
        from harness.pytest_plugin.finish import finish

        finish(session)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What else could not be measured, then one table per suite: between pytest's sections and its own short summary."""
    from harness.pytest_plugin.ledger import ledger

    if ledger(terminalreporter.config).used:
        from harness.pytest_plugin.finish import summarise

        terminalreporter.config.pluginmanager.getplugin("harness_causes").count_the_rest(terminalreporter)
        summarise(terminalreporter)


@pytest.fixture(scope="session")
def compare() -> Any:
    """`harness.api.compare`, for tests written in Python: compare(original, candidate, data, …) → Comparison results."""
    from harness import api

    return api.compare

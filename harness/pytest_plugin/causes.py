"""Errors of one cause: pytest explains every error in a section of its own, and a missing file has as many as there are segments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest


class Causes:
    """Takes repeated errors out of pytest's list while the sections are written; its short summary and its counts have them all."""

    def __init__(self) -> None:
        self._errors: list[Any] = []
        self._repeated: Counter[tuple[str, str]] = Counter()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None]:
        """Around pytest's own wrapper, which writes the sections before and the short summary after the others."""
        self._errors = terminalreporter.stats.get("error", [])
        if self._errors:
            terminalreporter.stats["error"] = self._first_of_each(self._errors)
        try:
            return (yield)
        finally:
            self._restore(terminalreporter)

    def count_the_rest(self, terminal: pytest.TerminalReporter) -> None:
        """One line per candidate, after the sections."""
        self._restore(terminal)
        if terminal.config.getoption("tbstyle") == "no":
            return
        for (suite, candidate), count in self._repeated.items():
            what = "item" if count == 1 else "items"
            terminal.write_line(f"{suite}::{candidate}: {count:,} more {what} could not be measured, for the same reason")

    def _first_of_each(self, errors: list[Any]) -> list[Any]:
        seen: set[tuple[str, str, str]] = set()
        kept = []
        for report in errors:
            verdict = getattr(report, "harness_verdict", None)
            if verdict is not None:
                cause = (verdict["suite"], verdict["candidate"], verdict["reason"])
                if cause in seen:
                    self._repeated[cause[:2]] += 1
                    continue
                seen.add(cause)
            kept.append(report)
        return kept

    def _restore(self, terminal: pytest.TerminalReporter) -> None:
        if self._errors:
            terminal.stats["error"] = self._errors

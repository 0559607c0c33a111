"""Suite file → candidates → items."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from harness import wiring
from harness.core.outcome import Outcome
from harness.core.verdict import Verdict
from harness.engine.items import Item
from harness.engine.session import Session
from harness.engine.tools import Options
from harness.errors import HarnessError, system_sentence
from harness.pytest_plugin.ledger import ledger
from harness.pytest_plugin.naming import node_name
from harness.pytest_plugin.options import is_strict
from harness.pytest_plugin.progress import progress_of
from harness.report import failure_block, verdict_row


class BlockedError(Exception):
    """A verdict that blocks; carries what to print."""


class SuiteFile(pytest.File):
    """One suite file."""

    session_of_suite: Session
    skipped: str | None = None

    def said_once(self, verdict: Verdict) -> str:
        """The block of what could not be measured; in short when the same was said before, as for every segment of a check."""
        key = (verdict.candidate, verdict.reason)
        if key in self._said:
            return f"{verdict.outcome}: not measured, for the reason given above"
        self._said.add(key)
        return _block(verdict)

    @cached_property
    def _said(self) -> set[tuple[str, str]]:
        return set()

    def collect(self) -> Iterable[Candidate]:
        """One collector per candidate."""
        config, book = self.config, ledger(self.config)
        try:
            suite = wiring.load(self.path)
            known = book.suites.get(suite.name)
            if known is not None and known["path"] != str(self.path):
                raise HarnessError(f"{self.path}: the suite name {suite.name!r} is taken by {known['path']}; give one of them another name")
            self.skipped = wiring.missing_requirement(suite)
            project = wiring.find_project(self.path, Path(config.invocation_params.dir))
            options = Options(
                fresh_since=book.started if config.getoption("--fresh") else None,
                without_original=bool(config.getoption("--without-original")),
                run_id=book.run_id,
            )
            self.session_of_suite = wiring.session(suite, project, options, progress_of(config))
            names = {model.name for model in suite.candidates}
            book.candidates.update(names)
            chosen = tuple(name for name in config.getoption("--candidate") if name in names)
            book.suites[suite.name] = {"path": str(self.path), "about": suite.about}
            book.sessions[suite.name] = self.session_of_suite
            if config.getoption("--candidate") and not chosen:
                return
            items = () if self.skipped else self.session_of_suite.items(chosen)
            book.suites[suite.name] |= {"items": len(items), "partial": bool(chosen) and names != set(chosen)}
        except (HarnessError, OSError) as error:
            # A suite that cannot be read fails the run and must not keep the others from being judged: their evidence would
            # be missing tonight for a file they have nothing to do with. (Under xdist pytest does the same by itself.)
            config.option.continue_on_collection_errors = True
            raise self.CollectError(system_sentence(error) if isinstance(error, OSError) else str(error)) from None
        by_candidate: dict[str, list[Item]] = {model.name: [] for model in self.session_of_suite.candidates(chosen)}
        for item in items:
            by_candidate[item.candidate].append(item)
        for name, found in by_candidate.items():
            yield Candidate.from_parent(self, name=name, items=found, skipped=self.skipped)


class Candidate(pytest.Collector):
    """One candidate of a suite."""

    def __init__(self, name: str, parent: pytest.Collector, items: list[Item], skipped: str | None, **rest: Any) -> None:
        super().__init__(name, parent, **rest)
        self.harness_items = items
        self.skipped = skipped

    def collect(self) -> Iterator[pytest.Item]:
        """One item per check and segment; a single skipped one when the suite cannot run here."""
        if self.skipped is not None:
            yield SkippedItem.from_parent(self, name="suite", reason=self.skipped)
        for item in self.harness_items:
            name = node_name(item.name.partition("::")[2])
            # Given as text, the id is read as pytest reads it from its cache and the command line; made from the name alone it would
            # be another one, because the name has brackets, and --lf would never find it again.
            yield VerdictItem.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}", item=item)


class SkippedItem(pytest.Item):
    """Stands for a candidate of a suite whose requirements are missing here."""

    def __init__(self, name: str, parent: pytest.Collector, reason: str, **rest: Any) -> None:
        super().__init__(name, parent, **rest)
        self.reason = reason

    def runtest(self) -> None:
        """Skips, with the reason."""
        pytest.skip(self.reason)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it stands."""
        return self.path, None, self.nodeid


class VerdictItem(pytest.Item):
    """One question to the evidence: candidate × check × segment."""

    def __init__(self, name: str, parent: pytest.Collector, item: Item, **rest: Any) -> None:
        super().__init__(name, parent, **rest)
        self.harness_item = item
        self.verdict: Verdict | None = None

    def setup(self) -> None:
        """Judges. What could not be measured is an error of the test, not its failure."""
        suite_file = self.parent.parent if self.parent is not None else None
        assert isinstance(suite_file, SuiteFile)
        facts = ledger(self.config).suites[self.harness_item.suite]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            verdict = suite_file.session_of_suite.verdict(self.harness_item)
        messages = [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
        facts["warnings"] = list(dict.fromkeys([*facts.get("warnings", []), *messages]))
        self.verdict = verdict
        self.user_properties.extend(_properties(verdict))
        if verdict.outcome in (Outcome.ERROR, Outcome.INVALID):
            raise BlockedError(suite_file.said_once(verdict))

    def runtest(self) -> None:
        """Reports what was judged."""
        verdict = self.verdict
        assert verdict is not None
        if verdict.outcome is Outcome.SKIPPED:
            pytest.skip(verdict.reason)
        if verdict.expected is not None and not verdict.blocks:
            pytest.xfail(verdict.expected)
        if verdict.blocks or (verdict.outcome is Outcome.INCONCLUSIVE and is_strict(self.config)):
            raise BlockedError(_block(verdict))

    def verdict_json(self) -> dict[str, Any] | None:
        """The verdict as it travels and is reported; None before it was made."""
        return None if self.verdict is None else {**verdict_row(self.verdict), "suite": self.verdict.suite}

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The block of a verdict that blocks; never a traceback for it."""
        if isinstance(excinfo.value, (BlockedError, HarnessError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it stands, and its name as `pytest -k` and the headings show it."""
        return self.path, None, f"{self.harness_item.suite}::{self.harness_item.candidate}::{self.name}"


def _block(verdict: Verdict) -> str:
    """The failure block without its heading: pytest prints one, and takes the first line for its short summary."""
    heading, _, rest = failure_block(verdict).partition("\n")
    return f"{heading.split()[0]}: {rest.lstrip()}"


def _properties(verdict: Verdict) -> list[tuple[str, object]]:
    """Figures for --junitxml."""
    properties: list[tuple[str, object]] = [
        ("outcome", str(verdict.outcome)),
        ("reason", verdict.reason),
        ("blocks", verdict.blocks),
        ("suspect", verdict.suspect),
    ]
    found = verdict.comparison
    if found is not None:
        properties += [
            ("metric", found.metric),
            ("n", found.n),
            ("original_value", found.original.value),
            ("candidate_value", found.candidate.value),
            ("drop", found.drop.value),
            ("drop_low", found.drop.low),
            ("drop_high", found.drop.high),
            ("margin", found.margin_text),
            *((name, value) for name, value in (("gained", found.gained), ("lost", found.lost)) if value is not None),
        ]
    properties += [(figure.name, figure.candidate) for figure in verdict.figures if figure.candidate is not None]
    return properties

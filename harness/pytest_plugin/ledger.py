"""What one pytest run has learnt: verdicts in the order they came, and per suite what only the judging process knows."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class Ledger:
    """Filled while items run.

    `suites` maps a suite's name to its facts (path, about, fingerprints, warnings…); `messages` are the last lines of the summary.
    """

    run_id: str
    started: float
    is_worker: bool
    verdicts: dict[str, dict[str, Any]] = field(default_factory=dict)
    suites: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[str, Any] = field(default_factory=dict)
    candidates: set[str] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)

    @property
    def used(self) -> bool:
        """Whether any suite took part in this run."""
        return bool(self.verdicts or self.suites)

    def add(self, verdict: dict[str, Any]) -> None:
        """A verdict, in JSON form; setup and call may both report it."""
        segment = verdict["segment"] and sorted(verdict["segment"].items())
        self.verdicts[json.dumps([verdict["suite"], verdict["candidate"], verdict["check"], segment])] = verdict

    def merge(self, suites: dict[str, dict[str, Any]]) -> None:
        """What a worker learnt."""
        for name, facts in suites.items():
            known = self.suites.get(name)
            if known is None:
                self.suites[name] = dict(facts)
                continue
            known["fingerprints"] = {**known.get("fingerprints", {}), **facts.get("fingerprints", {})}
            known["warnings"] = list(dict.fromkeys([*known.get("warnings", []), *facts.get("warnings", [])]))
            known["seconds"] = max(known.get("seconds", 0.0), facts.get("seconds", 0.0))
            known["model_calls"] = known.get("model_calls", 0) + facts.get("model_calls", 0)

    def run_token(self) -> dict[str, Any]:
        """What identifies this run to its workers."""
        return {"id": self.run_id, "started": self.started}


class Listener:
    """Puts the verdicts that arrive into one run's ledger: the hook it listens to does not say whose report it is given."""

    def __init__(self, book: Ledger) -> None:
        self._book = book

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collects the verdicts of this run, in the process that reports."""
        verdict = getattr(report, "harness_verdict", None)
        if verdict is not None:
            self._book.add(verdict)


# Kept with the run, not with the process: tests of pytest plugins run pytest inside pytest.
_LEDGER = pytest.StashKey[Ledger]()


def begin(config: pytest.Config) -> None:
    """Starts the ledger of a run; a worker's belongs to the run of its controller."""
    token = getattr(config, "workerinput", {}).get("harness_run")
    if token is not None:
        book = Ledger(token["id"], token["started"], is_worker=True)
    else:
        book = Ledger(uuid.uuid4().hex[:12], time.time(), is_worker=hasattr(config, "workerinput"))
    config.stash[_LEDGER] = book
    config.pluginmanager.register(Listener(book), "harness_listener")


def ledger(config: pytest.Config) -> Ledger:
    """The ledger of a run."""
    return config.stash[_LEDGER]

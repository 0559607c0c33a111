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
    """Filled while items run. `suites` maps a suite's name to its facts (path, about, fingerprints, warnings…)."""

    run_id: str
    started: float
    is_worker: bool
    verdicts: dict[str, dict[str, Any]] = field(default_factory=dict)
    suites: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[str, Any] = field(default_factory=dict)
    candidates: set[str] = field(default_factory=set)

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


_ledger: Ledger | None = None


def begin(config: pytest.Config) -> None:
    """Starts the ledger of this process; a worker's belongs to the run of its controller."""
    global _ledger
    token = getattr(config, "workerinput", {}).get("harness_run")
    if token is not None:
        _ledger = Ledger(token["id"], token["started"], is_worker=True)
    else:
        _ledger = Ledger(uuid.uuid4().hex[:12], time.time(), is_worker=hasattr(config, "workerinput"))


def ledger() -> Ledger:
    """The ledger of this process."""
    assert _ledger is not None, "pytest_configure has not run"
    return _ledger

"""Everything one run found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.core.verdict import Verdict


@dataclass(frozen=True)
class SuiteRecord:
    """What one run found for one suite. `fingerprints` maps `model:int8`, `data:test`… to content hashes."""

    suite: str
    about: str
    path: str
    verdicts: tuple[Verdict, ...]
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    model_calls: int = 0
    partial: bool = False


@dataclass(frozen=True)
class RunRecord:
    """Everything one run found. `started` is ISO 8601 in UTC; `environment` maps names to versions and machine facts."""

    id: str
    started: str
    suites: tuple[SuiteRecord, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def quiet_warnings(verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """What was noticed about candidates whose verdict does not block and would not be explained: `int8::accuracy: …`, each once."""
    found = (f"{verdict.item_name}: {warning}" for verdict in verdicts if not verdict.blocks for warning in verdict.warnings)
    return tuple(dict.fromkeys(found))

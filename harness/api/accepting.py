"""Accepting baselines: a person says that this state is the one to compare with from now on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness import wiring
from harness.api.suites import names, new_run_id, open_session
from harness.arrays.baseline import Baseline
from harness.core.suite import Suite
from harness.engine.accept import Request
from harness.engine.accept import accept as accept_candidate
from harness.engine.tools import Options
from harness.errors import BaselineError
from harness.ports.progress import Progress
from harness.store.baselines import LARGEST_OUTCOMES, outcomes_size


@dataclass(frozen=True)
class Accepted:
    """One accepted baseline and the files it stands in.

    `outcomes_bytes` is the packed size of the per-example outcomes; `left_out` says that they exceed the limit and were
    not written.
    """

    baseline: Baseline
    files: tuple[Path, ...]
    outcomes_bytes: int
    left_out: bool


def accept(
    suite: Suite | Path | str,
    *,
    note: str,
    who: str,
    candidates: str | Sequence[str] = (),
    when: str | None = None,
    override: str = "",
    golden: bool = False,
    project: Path | str | None = None,
    progress: Progress | None = None,
) -> tuple[Accepted, ...]:
    """Judge the candidates and write their state as the baselines to compare with; all of them, or the named ones.

    `when` is ISO 8601, now by default. `override` is the reason for accepting although a verdict blocks; without one that
    is a `BaselineError`, and nothing is written for any candidate. `golden` pins the golden baseline anew.
    """
    session = open_session(suite, Options(run_id=new_run_id()), project, progress)
    reason = wiring.missing_requirement(session.suite)
    if reason is not None:
        raise BaselineError(f"{reason}; a suite that cannot run here cannot be accepted here")
    request = Request(who=who, when=when or datetime.now(UTC).isoformat(timespec="seconds"), note=note, override=override, golden=golden)
    # All are judged before any is written: a candidate that is refused must not leave half of an acceptance behind.
    found = [accept_candidate(session, model.name, request) for model in session.candidates(names(candidates))]
    written = []
    for baseline in found:
        size = outcomes_size(baseline.outcomes) if baseline.outcomes else 0
        left_out = size > LARGEST_OUTCOMES
        kept = replace(baseline, outcomes=None) if left_out else baseline
        written.append(Accepted(kept, tuple(session.tools.baselines.save(kept)), size, left_out))
    return tuple(written)

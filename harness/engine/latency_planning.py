"""What interleaved rounds can prove of a candidate's speed, said before anything runs."""

from __future__ import annotations

from harness.checks.latency import LatencyCheck
from harness.engine.session import Session
from harness.errors import HarnessError


def provable_latency(session: Session) -> list[str]:
    """Sentences about margins on latency, from the original's stored timings against itself. Runs nothing."""
    lines = []
    for name, check in session.checks.items():
        if not isinstance(check, LatencyCheck) or not check.has_margins:
            continue
        try:
            found = session.stored_noise(name)
        except HarnessError:
            continue  # A model or data file that is missing is said elsewhere.
        for size, noise in found:
            if noise is None:
                said = [f"{size}: not measured yet what can be proved on this machine; a run times the original against itself first"]
            else:
                said = check.provable(size, noise)
            lines += [f"{session.suite.name}: {name}: {line}" for line in said]
    return lines

"""What could not be measured for one and the same cause: said once, and counted."""

from __future__ import annotations

from collections.abc import Iterable

from harness.core.outcome import Outcome
from harness.core.verdict import Verdict

_UNMEASURED = (Outcome.ERROR, Outcome.INVALID)


def by_cause(verdicts: Iterable[Verdict]) -> list[list[Verdict]]:
    """The verdicts in their order; those of a candidate with one sentence on why nothing was measured stand together, a whole's first."""
    found: dict[tuple[str, ...], list[Verdict]] = {}
    for verdict in verdicts:
        unmeasured = verdict.outcome in _UNMEASURED and verdict.comparison is None
        found.setdefault((verdict.candidate, verdict.reason) if unmeasured else (verdict.item_name,), []).append(verdict)
    return [sorted(cause, key=lambda verdict: verdict.segment is not None) for cause in found.values()]

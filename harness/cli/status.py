"""The exit status of a run."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.outcome import Outcome
from harness.core.run import SuiteRecord
from harness.core.verdict import Verdict

OK = 0
BLOCKED = 1
WRONG = 2


def blocks(verdict: Verdict, *, strict: bool) -> bool:
    """Whether a verdict fails the run; `strict` makes every INCONCLUSIVE do so that was not announced."""
    return verdict.blocks or (strict and verdict.outcome is Outcome.INCONCLUSIVE and verdict.expected is None)


def status_of(records: Sequence[SuiteRecord], *, strict: bool = False, broken: bool = False) -> int:
    """0 when nothing blocks, 1 for a FAIL or an INCONCLUSIVE that blocks, 2 for INVALID, ERROR, or nothing judged at all.

    `strict` is that of `blocks`; `broken` says that a suite or a report went wrong.
    """
    verdicts = [verdict for record in records for verdict in record.verdicts]
    blocking = [verdict for verdict in verdicts if blocks(verdict, strict=strict)]
    unmeasured = any(v.outcome in (Outcome.INVALID, Outcome.ERROR) for v in blocking)
    nothing = all(v.outcome is Outcome.SKIPPED for v in verdicts)
    if broken or unmeasured or nothing:
        return WRONG
    return BLOCKED if blocking else OK

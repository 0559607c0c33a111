"""The exit status of a run."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.outcome import Outcome
from harness.core.run import SuiteRecord

OK = 0
BLOCKED = 1
WRONG = 2


def status_of(records: Sequence[SuiteRecord], *, strict: bool = False, broken: bool = False) -> int:
    """0 when nothing blocks, 1 for a FAIL or an INCONCLUSIVE that blocks, 2 for INVALID, ERROR, or nothing judged at all.

    `strict` makes every INCONCLUSIVE block that was not announced; `broken` says that a suite or a report went wrong.
    """
    verdicts = [verdict for record in records for verdict in record.verdicts]
    blocking = [v for v in verdicts if v.blocks or (strict and v.outcome is Outcome.INCONCLUSIVE and v.expected is None)]
    unmeasured = any(v.outcome in (Outcome.INVALID, Outcome.ERROR) for v in blocking)
    nothing = all(v.outcome is Outcome.SKIPPED for v in verdicts)
    if broken or unmeasured or nothing:
        return WRONG
    return BLOCKED if blocking else OK

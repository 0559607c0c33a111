"""Outcomes that were announced in `expect:`: strict both ways."""

from __future__ import annotations

from dataclasses import replace

from harness.core.models import Expectation
from harness.core.outcome import Outcome
from harness.core.verdict import Verdict


def worst_decided(verdicts: tuple[Verdict, ...]) -> Outcome:
    """FAIL if any failed, else INCONCLUSIVE if any of those blocks, else PASS if any passed, else INCONCLUSIVE."""
    found = {verdict.outcome for verdict in verdicts}
    if Outcome.FAIL in found:
        return Outcome.FAIL
    if any(verdict.outcome is Outcome.INCONCLUSIVE and verdict.blocks for verdict in verdicts):
        return Outcome.INCONCLUSIVE
    return Outcome.PASS if Outcome.PASS in found else Outcome.INCONCLUSIVE


def apply(verdicts: tuple[Verdict, ...], expectation: Expectation) -> tuple[Verdict, ...]:
    """The verdicts with the announced ones no longer blocking, or with a blocking surprise on the whole.

    ERROR and INVALID are never expected: they say nothing about the candidate.
    """
    if any(v.outcome in (Outcome.ERROR, Outcome.INVALID) for v in verdicts) or all(v.outcome is Outcome.SKIPPED for v in verdicts):
        return verdicts
    worst = worst_decided(verdicts)
    if worst != expectation.outcome:
        surprise = replace(
            verdicts[0],
            outcome=Outcome.FAIL,
            blocks=True,
            reason=f"expected {expectation.outcome} ({expectation.reason}), and the worst outcome is {worst}: "
            f"find out what changed, or remove `expect`; {verdicts[0].reason}",
        )
        return (surprise, *verdicts[1:])
    return tuple(_announced(verdict, worst, expectation.reason) for verdict in verdicts)


def _announced(verdict: Verdict, worst: Outcome, reason: str) -> Verdict:
    if worst is Outcome.PASS:
        return verdict
    if verdict.outcome is worst:
        return replace(verdict, expected=reason, blocks=False)
    return replace(verdict, blocks=False) if verdict.outcome is Outcome.INCONCLUSIVE else verdict

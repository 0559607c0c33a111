"""The six things a verdict can say."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What a check concluded. Only PASS is a pass."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"
    SKIPPED = "SKIPPED"
    ERROR = "ERROR"


_SEVERITY = (Outcome.PASS, Outcome.SKIPPED, Outcome.INCONCLUSIVE, Outcome.FAIL, Outcome.INVALID, Outcome.ERROR)


def worst(outcomes: list[Outcome]) -> Outcome:
    """The most severe of `outcomes`; SKIPPED for none, because nothing was judged."""
    return max(outcomes, key=_SEVERITY.index, default=Outcome.SKIPPED)

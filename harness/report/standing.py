"""How a verdict stands in the report: what it means for the run, the order it is shown in, its sign and its word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from harness.core.numbers import known
from harness.core.outcome import Outcome
from harness.core.verdict import Verdict


class Standing(Enum):
    """Worst first. Value: (key, sign, word, what it means)."""

    FAIL = ("fail", "✕", "FAIL", "proven outside the margin")
    UNEXPECTED = ("unexpected", "✕", "UNEXPECTED PASS", "passed although a failure was announced")
    ERROR = ("error", "!", "ERROR", "could not be measured")
    INVALID = ("invalid", "!", "INVALID", "the measurement cannot be trusted")
    BLOCKING_SUSPECT = ("blocking-suspect", "▲", "SUSPECT", "outside the margin, not certain among so many segments, and it blocks")
    UNPROVEN = ("unproven", "?", "INCONCLUSIVE", "not proven within the margin, and it blocks")
    SUSPECT = ("suspect", "▲", "SUSPECT", "outside the margin, not certain among so many segments")
    WARNED = ("warned", "?", "INCONCLUSIVE", "not proven within the margin")
    EXPECTED = ("expected", "○", "EXPECTED", "announced in the suite, with a reason")
    PASS = ("pass", "✓", "PASS", "proven within the margin")
    SKIPPED = ("skipped", "–", "SKIPPED", "not judged")

    @property
    def key(self) -> str:
        """Its name in style sheets and data."""
        return self.value[0]

    @property
    def sign(self) -> str:
        """A letter-like sign, so that outcomes are never told apart by colour alone."""
        return self.value[1]

    @property
    def word(self) -> str:
        """Its word."""
        return self.value[2]

    @property
    def meaning(self) -> str:
        """Its meaning in a few words."""
        return self.value[3]

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return _RANKS[self]

    @property
    def blocks(self) -> bool:
        """Whether it fails the run."""
        return self.rank <= Standing.UNPROVEN.rank


_RANKS = {standing: rank for rank, standing in enumerate(Standing)}
_DECIDED = {Outcome.FAIL: Standing.FAIL, Outcome.ERROR: Standing.ERROR, Outcome.INVALID: Standing.INVALID}


def standing_of(verdict: Verdict) -> Standing:
    """How one verdict stands.

    An announced outcome that was met does not block; one that was not met does.
    """
    if verdict.outcome is Outcome.PASS:
        return Standing.UNEXPECTED if verdict.blocks and verdict.expected is not None else Standing.PASS
    if verdict.outcome is Outcome.SKIPPED:
        return Standing.SKIPPED
    if verdict.expected is not None and not verdict.blocks:
        return Standing.EXPECTED
    if verdict.outcome is Outcome.INCONCLUSIVE:
        if verdict.suspect:
            return Standing.BLOCKING_SUSPECT if verdict.blocks else Standing.SUSPECT
        return Standing.UNPROVEN if verdict.blocks else Standing.WARNED
    return _DECIDED[verdict.outcome]


def word_of(verdict: Verdict) -> str:
    """The word shown for a verdict: `FAIL`, `SUSPECT`, `EXPECTED FAIL`…"""
    standing = standing_of(verdict)
    return f"EXPECTED {verdict.outcome}" if standing is Standing.EXPECTED else standing.word


def drop_of(verdict: Verdict) -> float | None:
    """The observed drop, None when there is none."""
    return known(verdict.comparison.drop.value) if verdict.comparison else None


def worst_first(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """By standing; measured drops before other findings; the whole, then its segments, then their products; the largest drop first."""
    return sorted(verdicts, key=_order)


def _order(verdict: Verdict) -> tuple[int, bool, int, float]:
    drop = drop_of(verdict)
    depth = len(verdict.segment.values) if verdict.segment else 0
    return standing_of(verdict).rank, drop is None, depth, -(drop or 0.0)


@dataclass(frozen=True)
class CheckGroup:
    """All verdicts of one candidate and check: the whole's, and its segments', worst first."""

    candidate: str
    check: str
    whole: Verdict | None
    segments: tuple[Verdict, ...]

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The whole's first."""
        return ((self.whole,) if self.whole else ()) + self.segments

    def count(self, *standings: Standing) -> int:
        """How many segments stand so."""
        return sum(standing_of(verdict) in standings for verdict in self.segments)


def check_groups(verdicts: Iterable[Verdict]) -> list[CheckGroup]:
    """Verdicts by candidate and check, in order of first appearance."""
    found: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        found.setdefault((verdict.candidate, verdict.check), []).append(verdict)
    return [_group(candidate, check, members) for (candidate, check), members in found.items()]


def _group(candidate: str, check: str, members: list[Verdict]) -> CheckGroup:
    whole = next((verdict for verdict in members if verdict.segment is None), None)
    return CheckGroup(candidate, check, whole, tuple(worst_first(v for v in members if v is not whole)))

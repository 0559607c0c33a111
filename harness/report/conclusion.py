"""The result of a suite in one sentence, and of each candidate and check in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from harness.core.numbers import known, listed, plural, texts
from harness.core.outcome import Outcome
from harness.core.run import SuiteRecord
from harness.core.verdict import Verdict
from harness.report.standing import CheckGroup, Standing, check_groups, standing_of, word_of, worst_first
from harness.report.text import one_line, sentence
from harness.report.tradeoff import smaller_but_slower

_UNPROVEN = (Standing.SUSPECT, Standing.WARNED, Standing.BLOCKING_SUSPECT, Standing.UNPROVEN)


class Decision(Enum):
    """What a run says about a candidate, worst first. Value: (phrase, phrase for several)."""

    MUST_NOT_SHIP = ("must not ship", "must not ship")
    UNEXPECTED = ("passed although a failure was announced", "passed although a failure was announced")
    NOT_JUDGED = ("could not be judged", "could not be judged")
    NOT_PROVEN = ("is not proven safe", "are not proven safe")
    FAILS_AS_EXPECTED = ("fails as expected", "fail as expected")
    MAY_SHIP = ("may ship", "may ship")
    SKIPPED = ("was not judged", "were not judged")

    @property
    def good(self) -> bool:
        """Whether nothing about the candidate fails the run."""
        return self in (Decision.FAILS_AS_EXPECTED, Decision.MAY_SHIP, Decision.SKIPPED)

    def phrase(self, several: bool = False, partial: bool = False) -> str:
        """The predicate of a sentence; a partial run never says that something may ship."""
        if partial and self is Decision.MAY_SHIP:
            return "pass what was run" if several else "passes what was run"
        return self.value[1 if several else 0]


_OTHERS = (*list(Decision)[:4], Decision.MAY_SHIP, Decision.FAILS_AS_EXPECTED, Decision.SKIPPED)
"""The order in which candidates beside the worst are told: what is bad, then the good news."""

_BY_STANDING = {
    Standing.FAIL: Decision.MUST_NOT_SHIP,
    Standing.UNEXPECTED: Decision.UNEXPECTED,
    Standing.ERROR: Decision.NOT_JUDGED,
    Standing.INVALID: Decision.NOT_JUDGED,
    Standing.BLOCKING_SUSPECT: Decision.NOT_PROVEN,
    Standing.UNPROVEN: Decision.NOT_PROVEN,
}


@dataclass(frozen=True)
class CandidateResult:
    """One candidate: the decision, the standing that stands for it, and its verdicts by check."""

    candidate: str
    decision: Decision
    standing: Standing
    groups: tuple[CheckGroup, ...]

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """All its verdicts."""
        return tuple(verdict for group in self.groups for verdict in group.verdicts)


def candidate_results(record: SuiteRecord) -> list[CandidateResult]:
    """Every candidate, in the suite's order."""
    by_candidate: dict[str, list[CheckGroup]] = {}
    for group in check_groups(record.verdicts):
        by_candidate.setdefault(group.candidate, []).append(group)
    return [_result(candidate, groups) for candidate, groups in by_candidate.items()]


def _result(candidate: str, groups: Sequence[CheckGroup]) -> CandidateResult:
    found = {standing_of(verdict) for group in groups for verdict in group.verdicts}
    worst = min(found, key=lambda standing: standing.rank)
    if worst.blocks:
        return CandidateResult(candidate, _BY_STANDING[worst], worst, tuple(groups))
    if Standing.EXPECTED in found:
        return CandidateResult(candidate, Decision.FAILS_AS_EXPECTED, Standing.EXPECTED, tuple(groups))
    if found == {Standing.SKIPPED}:
        return CandidateResult(candidate, Decision.SKIPPED, Standing.SKIPPED, tuple(groups))
    return CandidateResult(candidate, Decision.MAY_SHIP, Standing.PASS, tuple(groups))


@dataclass(frozen=True)
class Headline:
    """A suite's result: who and what (`int4 must not ship`), why, and what becomes of the other candidates; "" for none.

    `costs` names the candidates that are smaller and slower.
    """

    decision: str
    why: str = ""
    others: str = ""
    costs: str = ""


def headline(record: SuiteRecord) -> str:
    """One sentence without a full stop: the worst candidate with its worst finding, then what becomes of the others."""
    parts = headline_parts(candidate_results(record), partial=record.partial)
    decided = parts.decision + (f": {parts.why}" if parts.why else "")
    return "; ".join(filter(None, (decided, parts.others, parts.costs)))


def headline_parts(results: Sequence[CandidateResult], *, partial: bool) -> Headline:
    """The same in its parts."""
    if not results:
        return Headline("nothing was judged")
    worst = min(results, key=lambda result: (list(Decision).index(result.decision), -_largest_excess(result)))
    costs = "; ".join(filter(None, (smaller_but_slower(result.candidate, result.verdicts) for result in results)))
    if worst.decision.good:
        return Headline(_others(results, partial), costs=costs)
    others = [result for result in results if result is not worst]
    return Headline(f"{one_line(worst.candidate, 80)} {worst.decision.phrase()}", _findings(worst), _others(others, partial), costs)


def _largest_excess(result: CandidateResult) -> float:
    """How many margins the worst blocking loss amounts to: 3 for a drop of six points where two are tolerated."""
    found = [verdict.comparison for verdict in result.verdicts if standing_of(verdict).blocks]
    return max((c.drop.value / c.margin for c in found if c is not None and c.margin and known(c.drop.value) is not None), default=0.0)


def _others(results: Sequence[CandidateResult], partial: bool) -> str:
    parts = []
    for decision in _OTHERS:
        alike = [result for result in results if result.decision is decision]
        names = [one_line(result.candidate, 80) for result in alike]
        if names:
            note = _unproven_note(alike) if decision is Decision.MAY_SHIP else ""
            parts.append(f"{listed(names)} {decision.phrase(len(names) > 1, partial)}{note}")
    return "; ".join(parts)


def _unproven_note(results: Sequence[CandidateResult]) -> str:
    groups = [group for result in results for group in result.groups]
    unproven, total = sum(group.count(*_UNPROVEN) for group in groups), sum(len(group.segments) for group in groups)
    return f" ({unproven:,} of {plural(total, 'segment')} unproven)" if unproven else ""


def _findings(result: CandidateResult) -> str:
    blocking = [verdict for verdict in worst_first(result.verdicts) if standing_of(verdict).blocks]
    more = len(blocking) - 1
    return finding(blocking[0]) + (f", and {plural(more, 'other item')} " + ("block" if more > 1 else "blocks") if more else "")


def finding(verdict: Verdict) -> str:
    """What one verdict found: `accuracy[language:bn] dropped 12.3pp (90 % interval 8.1 to 16.5), margin 2pp`."""
    tail = f"[{one_line(verdict.segment.label, 120)}]" if verdict.segment else ""
    name = one_line(verdict.check, 80) + tail
    measured = _measured(verdict)
    return f"{name} {measured}" if measured else f"{name}: {sentence(verdict.reason)}"


def _measured(verdict: Verdict) -> str | None:
    """The drop in words when it is what decided, None when the reason says it better."""
    comparison = verdict.comparison
    if comparison is None or comparison.margin is None or known(comparison.drop.value) is None:
        return None
    found = texts(comparison)
    interval = f" ({found.level} interval {found.interval})" if found.interval else ""
    if verdict.outcome is Outcome.FAIL and comparison.drop.value > comparison.margin:
        rose = comparison.candidate.value > comparison.original.value
        return f"{'rose' if rose else 'dropped'} {found.drop}{found.unit.suffix}{interval}, margin {comparison.margin_text or found.margin}"
    if verdict.outcome is Outcome.INCONCLUSIVE and found.interval:
        more = f"; about {verdict.needs_more:,} more examples would settle it {verdict.premise}" if verdict.needs_more else ""
        return f"is not settled: drop {found.drop}{found.unit.suffix}{interval}, margin {comparison.margin_text or found.margin}{more}"
    return None


def group_headline(group: CheckGroup) -> str:
    """A candidate's check in a few words: `PASS (12 of 64 segments unproven)`, `FAIL (3 of 64 segments)`."""
    leading = group_leader(group)
    word, total = word_of(leading), len(group.segments)
    notes = []
    if leading.segment is not None and total:
        alike = sum(standing_of(verdict) is standing_of(leading) for verdict in group.segments)
        notes.append(f"{alike:,} of {plural(total, 'segment')}")
    elif failing := group.count(Standing.FAIL):
        notes.append(f"{failing:,} of {plural(total, 'segment')} too")
    unproven = group.count(*_UNPROVEN)
    if unproven and not (leading.segment is not None and standing_of(leading) in _UNPROVEN):
        notes.append(f"{unproven:,} of {plural(total, 'segment')} unproven")
    if suspect := group.count(Standing.SUSPECT, Standing.BLOCKING_SUSPECT):
        notes.append(f"{suspect:,} suspect")
    return f"{word} ({', '.join(notes)})" if notes else word


def group_leader(group: CheckGroup) -> Verdict:
    """The verdict that stands for a candidate's check: what blocks most, else what was expected, else the whole's."""
    ordered = worst_first(group.verdicts)
    if standing_of(ordered[0]).blocks:
        return ordered[0]
    expected = next((verdict for verdict in ordered if standing_of(verdict) is Standing.EXPECTED), None)
    return expected or group.whole or ordered[0]

"""What was found after each step of a candidate's making, and which step it was that broke something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.outcome import Outcome
from harness.core.segment import Segment
from harness.core.verdict import Verdict

_AS_BAD = {Outcome.FAIL: (Outcome.FAIL,), Outcome.INCONCLUSIVE: (Outcome.FAIL, Outcome.INCONCLUSIVE)}


@dataclass(frozen=True)
class Reached:
    """How far a candidate was made: up to a step, numbered from 1 as written, or up to a stage of a step that is a schedule."""

    step: int
    technique: str
    stage: int | None = None

    @property
    def label(self) -> str:
        """`step 2, quantize`, or `step 1, prune, at stage 3`."""
        return f"step {self.step}, {self.technique}" + (f", at stage {self.stage}" if self.stage is not None else "")

    def of(self, candidate: str) -> str:
        """What a model is called that is no candidate, but was one on its way: `small after step 2, quantize`."""
        return f"{candidate} after {self.label}"


@dataclass(frozen=True)
class StepVerdicts:
    """What one check found after a step, the whole's verdict first; none, and `not_run` says why, where there was no model to ask."""

    reached: Reached
    verdicts: tuple[Verdict, ...] = ()
    not_run: str = ""

    def verdict(self, segment: Segment | None) -> Verdict | None:
        """The verdict of one segment, or of the whole."""
        return next((verdict for verdict in self.verdicts if verdict.segment == segment), None)


def broken_at(segment: Segment | None, steps: Sequence[StepVerdicts]) -> int | None:
    """The index in `steps`, whose last is the candidate itself, of the first after which a segment was as bad as it is at the end.

    None where it is neither FAIL nor INCONCLUSIVE at the end.
    """
    outcomes = _outcomes(segment, steps)
    as_bad = _AS_BAD.get(outcomes[-1], ()) if outcomes and outcomes[-1] is not None else ()
    return next((index for index, outcome in enumerate(outcomes) if outcome in as_bad), None)


def blame(segment: Segment | None, steps: Sequence[StepVerdicts]) -> str | None:
    """`broken by step 2, quantize: PASS after prune, FAIL after quantize`; None where `broken_at` is."""
    first = broken_at(segment, steps)
    if first is None:
        return None
    outcomes, names = _outcomes(segment, steps), _short_names(steps)
    verb = "broken by" if outcomes[-1] is Outcome.FAIL else "not proven since"
    known = [index for index, outcome in enumerate(outcomes) if outcome is not None]
    before = max((index for index in known if index < first), default=-1)
    unknown = [names[index] for index in range(before + 1, first)]
    course = [f"{outcomes[index]} after {names[index]}" for index in (before, first) if index >= 0]
    again = max((index for index in known if index > first and outcomes[index] is Outcome.PASS), default=None)
    if again is not None:
        course += [f"PASS again after {names[again]}", f"{outcomes[-1]} after {names[-1]}"]
    maybe = f", or by what could not be run before it ({', '.join(unknown)})" if unknown else ""
    return f"{verb} {steps[first].reached.label}{maybe}: {', '.join(course)}"


def _outcomes(segment: Segment | None, steps: Sequence[StepVerdicts]) -> list[Outcome | None]:
    return [None if (verdict := step.verdict(segment)) is None else verdict.outcome for step in steps]


def _short_names(steps: Sequence[StepVerdicts]) -> list[str]:
    """The technique alone, where no other step has the same."""
    numbers: dict[str, set[int]] = {}
    for step in steps:
        numbers.setdefault(step.reached.technique, set()).add(step.reached.step)
    return [_short(step.reached, alone=len(numbers[step.reached.technique]) == 1) for step in steps]


def _short(reached: Reached, *, alone: bool) -> str:
    name = reached.technique if alone else f"step {reached.step}"
    return name if reached.stage is None else f"stage {reached.stage} of {name}"

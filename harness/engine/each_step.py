"""`judge: each_step`: the quality checks look at a candidate after every step of its making, and say which step broke what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.core.models import ModelSpec
from harness.core.steps import Reached, StepVerdicts, blame
from harness.core.verdict import Verdict
from harness.errors import HarnessError, system_sentence
from harness.ports.compress import Intermediate

Between = Callable[[ModelSpec], tuple[Intermediate, ...]]
Judged = Callable[[str, str, ModelSpec], tuple[Verdict, ...]]


class EachStep:
    """Judges the models between the steps of candidates, each once. They are no candidates: nothing they are found to be blocks.

    between:  (candidate) → the models between its steps
    judged:   (candidate's name, check, model in its place) → verdicts by the same rules; raises what the model raises
    """

    def __init__(self, between: Between, judged: Judged) -> None:
        self._find = between
        self._judged = judged
        self._between: dict[str, tuple[Intermediate, ...]] = {}
        self._steps: dict[tuple[str, str], tuple[StepVerdicts, ...]] = {}

    def explained(self, candidate: ModelSpec, found: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
        """A candidate's own verdicts by one check; where a segment failed, or was not proven, told by which step."""
        steps = self._steps[candidate.name, found[0].check] = self._all(candidate, found)
        return tuple(_told(verdict, steps) for verdict in found)

    def steps(self, candidate: str, check: str) -> tuple[StepVerdicts, ...]:
        """What `explained` looked at, the candidate itself last; () when it was not asked."""
        return self._steps.get((candidate, check), ())

    def _all(self, candidate: ModelSpec, found: tuple[Verdict, ...]) -> tuple[StepVerdicts, ...]:
        if candidate.name not in self._between:
            try:
                self._between[candidate.name] = self._find(candidate)
            except HarnessError:
                self._between[candidate.name] = ()  # What it starts from is not there: its own verdicts say so.
        end = Reached(len(candidate.steps), candidate.steps[-1].technique)
        between = (self._after(step, candidate.name, found[0].check) for step in self._between[candidate.name])
        return (*between, StepVerdicts(end, found))

    def _after(self, step: Intermediate, candidate: str, check: str) -> StepVerdicts:
        if step.model is None:
            return StepVerdicts(step.reached, not_run=step.reason)
        try:
            return StepVerdicts(step.reached, self._judged(candidate, check, step.model))
        except HarnessError as error:
            return StepVerdicts(step.reached, not_run=str(error))
        except OSError as error:
            return StepVerdicts(step.reached, not_run=system_sentence(error))


def _told(verdict: Verdict, steps: tuple[StepVerdicts, ...]) -> Verdict:
    why = blame(verdict.segment, steps)
    return verdict if why is None else replace(verdict, reason=f"{verdict.reason}; {why}")

"""Judging the models between the steps: what they are found to be explains a verdict, and changes none."""

from __future__ import annotations

import pytest

from harness.core.models import ModelSpec, Step
from harness.core.outcome import Outcome
from harness.core.segment import Segment
from harness.core.steps import Reached
from harness.core.verdict import Verdict
from harness.engine.each_step import EachStep
from harness.errors import ModelError
from harness.ports.compress import Intermediate

SMALL = ModelSpec("small", "compress", None, steps=(Step("prune", None), Step("quantize", None)), judge="each_step")
BETWEEN = ModelSpec("small after step 1, prune", "onnx", None)
BENGALI = Segment("language", (("language", "bn"),))


def verdicts(whole: Outcome, segment: Outcome) -> tuple[Verdict, ...]:
    outcomes = ((None, whole), (BENGALI, segment))
    return tuple(Verdict("suite", "small", "accuracy", where, outcome, "why", outcome is Outcome.FAIL) for where, outcome in outcomes)


def each(between: tuple[Intermediate, ...], asked: list[str], found: tuple[Verdict, ...] | Exception) -> EachStep:
    def judged(candidate: str, check: str, model: ModelSpec) -> tuple[Verdict, ...]:
        asked.append(model.name)
        if isinstance(found, Exception):
            raise found
        return found

    return EachStep(lambda candidate: between, judged)


def test_a_step_that_fails_blocks_nothing_where_the_candidate_passes() -> None:
    end = verdicts(Outcome.PASS, Outcome.FAIL)
    asked: list[str] = []
    judge = each((Intermediate(Reached(1, "prune"), BETWEEN),), asked, verdicts(Outcome.FAIL, Outcome.PASS))
    whole, segment = judge.explained(SMALL, end)
    assert whole == end[0]
    assert (segment.outcome, segment.blocks) == (Outcome.FAIL, True)
    assert segment.reason == "why; broken by step 2, quantize: PASS after prune, FAIL after quantize"
    assert asked == ["small after step 1, prune"]
    assert [step.reached.label for step in judge.steps("small", "accuracy")] == ["step 1, prune", "step 2, quantize"]
    assert judge.steps("small", "accuracy")[-1].verdicts == end


@pytest.mark.parametrize("error", [ModelError("it fails on every row"), OSError(28, "No space left on device")])
def test_what_cannot_be_run_says_why_and_costs_its_column_only(error: Exception) -> None:
    end = verdicts(Outcome.FAIL, Outcome.PASS)
    judge = each((Intermediate(Reached(1, "prune"), BETWEEN),), [], error)
    whole, segment = judge.explained(SMALL, end)
    assert "step 2, quantize, or by what could not be run before it (prune): FAIL after quantize" in whole.reason
    assert segment == end[1]
    assert ("fails on every row" if isinstance(error, ModelError) else "No space left") in judge.steps("small", "accuracy")[0].not_run


def test_a_model_that_is_not_there_is_not_asked() -> None:
    asked: list[str] = []
    judge = each((Intermediate(Reached(1, "prune"), None, "torch cannot export it"),), asked, ())
    judge.explained(SMALL, verdicts(Outcome.FAIL, Outcome.FAIL))
    assert asked == []
    assert judge.steps("small", "accuracy")[0].not_run == "torch cannot export it"
    assert judge.steps("small", "another") == ()

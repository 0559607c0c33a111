"""A candidate whose labels are in another order answers everything, and almost everything wrong: the user is told where to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from harness.arrays.outputs import Outputs, RowStatus
from harness.arrays.targets import Targets
from harness.checks.mixed_labels import exchanged_labels
from harness.core.models import OutputSpec, OutputType, Task
from harness.core.outcome import Outcome
from tests.checks.build import labels, material, quality

CLASSES = tuple("abcdefgh")


def many(answers: Sequence[int]) -> tuple[Outputs, Targets]:
    """Answers to 800 examples, 100 of each of eight classes."""
    spec = OutputSpec(OutputType.LABEL, Task.MULTICLASS, labels=CLASSES)
    outputs = Outputs(spec, np.asarray(answers, dtype=np.int32), np.zeros(len(answers), dtype=np.uint8), CLASSES)
    return outputs, Targets(Task.MULTICLASS, np.repeat(np.arange(8, dtype=np.int32), 100), CLASSES)


def renamed(*order: int, wrong_every: int = 10) -> list[int]:
    """The answers of a model that is right on 90 %, with its classes renamed."""
    return [order[code] if i % wrong_every else (code + 4) % 8 for i, code in enumerate(np.repeat(np.arange(8), 100).tolist())]


def test_a_candidate_with_two_labels_swapped_is_told_to_look_at_their_order() -> None:
    truth = [0, 1] * 500
    swapped = [1 - t if i % 50 else t for i, t in enumerate(truth)]
    whole = quality().judge(material(labels(truth), labels(swapped), truth))[0]
    assert whole.outcome is Outcome.FAIL
    assert [warning for warning in whole.warnings if "look at the order of the labels" in warning]
    assert "'no' is answered with 'yes' and 'yes' is answered with 'no' (on 98 % of their examples)" in whole.warnings[0]
    assert whole.warnings[0].startswith("the candidate is worse than blind guessing")


def test_two_of_many_labels_swapped_are_named_although_guessing_is_far_away() -> None:
    assert exchanged_labels(*many(renamed(0, 1, 5, 3, 4, 2, 6, 7))) == (
        "'c' is answered with 'f' and 'f' is answered with 'c' (on 90 % of their examples)"
    )


def test_labels_that_moved_on_in_a_circle_are_found() -> None:
    found = exchanged_labels(*many(renamed(1, 2, 0, 3, 4, 5, 6, 7)))
    assert found.startswith("'a' is answered with 'b', 'b' is answered with 'c' and 'c' is answered with 'a'")


@pytest.mark.parametrize(
    "answers",
    [
        renamed(*range(8)),
        renamed(0, 0, 0, 0, 0, 0, 0, 0),  # always the same answer: no exchange
        renamed(1, 2, 3, 3, 4, 5, 6, 7),  # three classes lost to their neighbours, none in return
        np.random.default_rng(0).integers(0, 8, 800).tolist(),
    ],
)
def test_poor_models_are_not_accused(answers: list[int]) -> None:
    assert exchanged_labels(*many(answers)) == ""


def test_a_good_candidate_and_a_handful_of_examples_get_no_warning() -> None:
    truth = [0, 1] * 500
    assert quality().judge(material(labels(truth), labels(truth), truth))[0].warnings == ()
    few = [0, 1] * 3
    assert quality().judge(material(labels(few), labels([1, 0] * 3), few))[0].warnings == ()


@pytest.mark.parametrize("status", [RowStatus.MISSING, RowStatus.NOT_FINITE])
def test_what_hardly_answers_is_not_told_to_look_at_the_order_of_labels(status: RowStatus) -> None:
    truth = [0, 1] * 500
    silent = np.full(1000, status, dtype=np.uint8)
    silent[:60] = RowStatus.OK
    whole = quality().judge(material(labels(truth), replace(labels(truth), status=silent), truth))[0]
    assert whole.outcome is Outcome.FAIL
    assert not [warning for warning in whole.warnings if "order of the labels" in warning]
    assert [warning for warning in whole.warnings if "940 examples" in warning]

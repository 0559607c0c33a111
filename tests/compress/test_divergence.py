from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, rel_entr, softmax

from harness.compress.divergence import divergence, measure_of
from harness.core.models import OutputSpec, OutputType, Task

RANDOM = np.random.default_rng(0)


def test_kl_of_classes_is_scipys() -> None:
    first, second = RANDOM.normal(size=(50, 7)) * 3, RANDOM.normal(size=(50, 7)) * 3
    expected = rel_entr(softmax(first, axis=1), softmax(second, axis=1)).sum(1).mean()
    assert divergence(first, second, OutputSpec(OutputType.LOGITS, Task.MULTICLASS)) == pytest.approx(expected)
    spec = OutputSpec(OutputType.PROBABILITIES, Task.MULTICLASS)
    assert divergence(softmax(first, axis=1), softmax(second, axis=1), spec) == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(50,), (50, 1)])
def test_kl_of_one_logit_is_that_of_yes_and_no(shape: tuple[int, ...]) -> None:
    first, second = RANDOM.normal(size=shape), RANDOM.normal(size=shape)
    yes, other = expit(first), expit(second)
    expected = (rel_entr(yes, other) + rel_entr(1 - yes, 1 - other)).mean()
    assert divergence(first, second, OutputSpec(OutputType.LOGITS, Task.BINARY)) == pytest.approx(expected)


def test_kl_of_labels_is_the_mean_over_labels() -> None:
    first, second = RANDOM.normal(size=(20, 4)), RANDOM.normal(size=(20, 4))
    yes, other = expit(first), expit(second)
    expected = (rel_entr(yes, other) + rel_entr(1 - yes, 1 - other)).mean()
    assert divergence(first, second, OutputSpec(OutputType.LOGITS, Task.MULTILABEL)) == pytest.approx(expected)


def test_values_by_their_relative_error() -> None:
    values = np.array([[3.0, 4.0]])
    for output in (None, OutputSpec(OutputType.VALUES, Task.REGRESSION), OutputSpec(OutputType.VECTOR, Task.RANKING)):
        assert measure_of(output) == "mse"
        assert divergence(values, values + np.array([0.0, 1.0]), output) == pytest.approx(1 / 25)


def test_answers_that_are_not_finite_have_none() -> None:
    assert divergence(np.ones((2, 2)), np.array([[1.0, np.nan], [1, 1]]), None) is None
    assert divergence(np.ones((2, 2)), np.ones((2, 2)), None) == 0

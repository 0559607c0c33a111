"""What outputs mean: labels, probabilities, one-column binaries, tokens."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from harness.arrays.outputs import RowStatus
from harness.core.models import OutputSpec, OutputType, Task
from harness.errors import ModelError
from harness.models.casting import RowError
from harness.models.interpretation import Interpretation
from harness.models.serving import TokenTargets
from harness.models.tokens import token_answer


def read(
    array: object,
    kind: OutputType,
    task: Task = Task.MULTICLASS,
    labels: tuple[str, ...] = (),
    completed: tuple[str, ...] = (),
    **more: object,
) -> object:
    declared = OutputSpec(kind, task, labels=labels, **more)  # type: ignore[arg-type]  # fields of OutputSpec
    values = np.asarray(array)
    return Interpretation(declared, replace(declared, labels=completed or labels))({"out": values}, len(values))


@given(st.lists(st.integers(-3, 6), min_size=1, max_size=30), st.permutations(["a", "b", "c", "d"]))
def test_label_indices_follow_the_declared_order(indices: list[int], order: list[str]) -> None:
    answer = read(np.array(indices), OutputType.LABEL, labels=tuple(order), completed=("a", "b", "c", "d"))
    names = [("abcd"[code] if code >= 0 else None) for code in answer.values]
    assert names == [(order[index] if 0 <= index < 4 else None) for index in indices]


@pytest.mark.parametrize("dtype", [object, str])
def test_label_names(dtype: type) -> None:
    answer = read(np.array(["b", "zebra", "a"], dtype=dtype)[:, None], OutputType.LABEL, completed=("a", "b"))
    assert answer.values.tolist() == [1, -1, 0]


def test_numbers_are_names_where_no_labels_are_declared() -> None:
    """Digits 3, 5 and 7 are not places 3, 5 and 7 of the three labels the data has."""
    assert read(np.array([5, 7, 3, 0]), OutputType.LABEL, completed=("3", "5", "7")).values.tolist() == [1, 2, 0, -1]


def test_floats_are_no_labels() -> None:
    with pytest.raises(ModelError, match="holds float64, not labels"):
        read([0.0, 1.0], OutputType.LABEL, labels=("a", "b"))


@given(st.permutations(range(4)), st.integers(1, 5))
def test_columns_are_brought_into_the_final_order(order: list[int], rows: int) -> None:
    final = ("a", "b", "c", "d")
    logits = np.random.default_rng(0).normal(size=(rows, 4)).astype(np.float32)
    answer = read(logits, OutputType.LOGITS, labels=tuple(final[place] for place in order), completed=final)
    for column, place in enumerate(order):
        np.testing.assert_array_equal(answer.values[:, place], logits[:, column])


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_one_column_of_a_binary_task_is_the_positive_class(shape: tuple[int, ...]) -> None:
    more = {"task": Task.BINARY, "completed": ("no", "yes"), "positive": "yes"}
    p = np.array([0.0, 0.25, 1.0])
    answer = read(p.reshape(shape), OutputType.PROBABILITIES, **more)
    np.testing.assert_allclose(answer.values, np.stack([1 - p, p], axis=1))
    z = np.array([-2.0, 0.0, 3.0])
    logits = read(z.reshape(shape), OutputType.LOGITS, **more).values
    # softmax over (0, z) is the logistic function of z
    np.testing.assert_allclose(np.exp(log_softmax(logits, axis=1))[:, 1], [1 / (1 + math.exp(-value)) for value in z])


def test_two_columns_of_a_binary_task_need_labels() -> None:
    with pytest.raises(ModelError, match=r"two columns, and nothing says which label each stands for"):
        read([[0.1, 0.9]], OutputType.PROBABILITIES, Task.BINARY, completed=("no", "yes"), positive="yes")
    swapped = read([[0.1, 0.9]], OutputType.PROBABILITIES, Task.BINARY, ("yes", "no"), ("no", "yes"), positive="yes")
    assert swapped.values.tolist() == [[0.9, 0.1]]


@pytest.mark.parametrize(
    ("array", "task", "message"),
    [
        ([[2.0, -1.0]], Task.MULTICLASS, "holds -1, which is no probability; declare type: logits"),
        ([[2.0, 0.0]], Task.MULTICLASS, "holds 2, which is no probability"),
        ([[0.5, 0.9]], Task.MULTICLASS, r"sum to 1\.4 instead of 1"),
        ([[0.1, 0.1], [0.5, 0.5]], Task.MULTICLASS, r"sum to 0\.2 instead of 1"),
        ([[1.0, 7.0]], Task.MULTILABEL, "holds 7, which is no probability"),
    ],
)
def test_what_is_no_probability(array: object, task: Task, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read(array, OutputType.PROBABILITIES, task, ("a", "b"))


def test_independent_probabilities_need_not_sum_to_one() -> None:
    assert read([[0.9, 0.9]], OutputType.PROBABILITIES, Task.MULTILABEL, ("a", "b")).values.tolist() == [[0.9, 0.9]]


@given(st.integers(2, 200), st.integers(0, 2**32 - 1))
def test_probabilities_rounded_to_eight_bits_are_still_probabilities(classes: int, seed: int) -> None:
    exact = np.random.default_rng(seed).dirichlet(np.ones(classes), size=20)
    rounded = np.round(exact * 255) / 255
    answer = read(rounded, OutputType.PROBABILITIES, labels=tuple(map(str, range(classes))))
    np.testing.assert_array_equal(answer.values, rounded)


@given(st.lists(st.lists(st.sampled_from([0.0, 1.5, math.nan, math.inf, -math.inf]), min_size=3, max_size=3), min_size=1, max_size=20))
def test_rows_that_are_not_finite_are_marked_and_emptied(rows: list[list[float]]) -> None:
    answer = read(rows, OutputType.LOGITS, labels=("a", "b", "c"))
    for row, (values, status) in enumerate(zip(answer.values, answer.status, strict=True)):
        finite = all(math.isfinite(value) for value in rows[row])
        assert status == (RowStatus.OK if finite else RowStatus.NOT_FINITE)
        assert values.tolist() == (rows[row] if finite else [0, 0, 0])
        assert (row in answer.messages) is not finite


def test_regression_values_of_one_column_are_flat() -> None:
    assert read([[1.0], [2.0]], OutputType.VALUES, Task.REGRESSION).values.tolist() == [1, 2]
    assert read([[1.0, 2.0]], OutputType.VALUES, Task.REGRESSION).values.shape == (1, 2)
    with pytest.raises(ModelError, match="values are"):
        read(np.zeros((2, 2, 2)), OutputType.VALUES, Task.REGRESSION)


TOKENS = OutputSpec(OutputType.LOGITS, Task.TOKENS)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=8), st.integers(1, 9), st.integers(0, 1000))
def test_tokens_are_read_row_by_row(lengths: list[int], classes: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(len(lengths), max(*lengths, 1) if len(lengths) > 1 else max(lengths[0], 1), classes)).astype(np.float32)
    targets = [generator.integers(0, classes, length).astype(np.int32) for length in lengths]
    answer = token_answer("out", logits, TOKENS, np.concatenate(targets), np.array(lengths))
    assert answer.offsets is not None
    assert answer.token_log_probs is not None
    for row, length in enumerate(lengths):
        part = slice(answer.offsets[row], answer.offsets[row + 1])
        assert answer.values is not None
        assert answer.values[part].tolist() == logits[row, :length].argmax(axis=1).tolist()
        reference = log_softmax(logits[row, :length].astype(float), axis=1)[np.arange(length), targets[row]]
        np.testing.assert_allclose(answer.token_log_probs[part], reference, rtol=1e-5, atol=1e-6)


def test_ignored_targets_have_no_log_probability() -> None:
    spec = replace(TOKENS, ignore_index=-100)
    answer = token_answer("out", np.zeros((1, 3, 4), np.float32), spec, np.array([1, -100, 2], np.int32), np.array([3]))
    assert answer.token_log_probs is not None
    np.testing.assert_allclose(answer.token_log_probs, [-math.log(4), 0, -math.log(4)])
    with pytest.raises(ModelError, match="4 classes, but a target is -100; declare ignore_index: -100"):
        token_answer("out", np.zeros((1, 3, 4), np.float32), TOKENS, np.array([1, -100, 2], np.int32), np.array([3]))


def test_a_token_that_is_not_finite_spoils_its_example_only() -> None:
    logits = np.zeros((2, 2, 3), np.float32)
    logits[1, 0, 0] = np.nan
    answer = token_answer("out", logits, TOKENS, np.zeros(4, np.int32), np.array([2, 2]))
    assert answer.status.tolist() == [RowStatus.OK, RowStatus.NOT_FINITE]


def test_more_targets_than_tokens_name_the_row() -> None:
    with pytest.raises(RowError, match="has 2 tokens there, but the target has 3") as caught:
        token_answer("out", np.zeros((2, 2, 3)), TOKENS, np.zeros(4, np.int32), np.array([1, 3]))
    assert caught.value.row == 1


def test_targets_of_some_rows() -> None:
    targets = TokenTargets(np.arange(6, dtype=np.int32), np.array([1, 0, 2, 3]))
    part = targets.rows(2, 4)
    assert (part.codes.tolist(), part.lengths.tolist()) == ([1, 2, 3, 4, 5], [2, 3])

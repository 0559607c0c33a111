"""Precision, recall, F1, balanced accuracy: by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score, recall_score

from .build import metric, outputs, targets

REFERENCE = {"precision": precision_score, "recall": recall_score, "f1": f1_score}
NAMES = sorted(REFERENCE)
LABELS = tuple("abcdef")


def _random(seed: int, n: int = 400, classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, n)
    return truth, np.where(rng.random(n) < 0.6, truth, rng.integers(0, classes, n))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
@pytest.mark.parametrize("seed", range(3))
def test_multiclass_as_scikit_learn(name, average, seed):
    truth, said = _random(seed)
    found = metric(name, average=average).prepare(outputs("multiclass", "label", said, LABELS), targets("multiclass", truth, LABELS))
    assert found.value() == pytest.approx(REFERENCE[name](truth, said, average=average))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("average", ["binary", "micro", "macro", "weighted"])
def test_binary_as_scikit_learn(name, average):
    truth, said = _random(7, classes=2)
    labels = ("no", "yes")
    statistic = metric(name, average=average).prepare(outputs("binary", "label", said, labels), targets("binary", truth, labels))
    assert statistic.value() == pytest.approx(REFERENCE[name](truth, said, average=average))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
def test_multilabel_as_scikit_learn(name, average):
    rng = np.random.default_rng(3)
    truth, said = rng.random((300, 4)) < 0.3, rng.random((300, 4)) < 0.4
    labels = tuple("abcd")
    statistic = metric(name, average=average).prepare(outputs("multilabel", "label", said, labels), targets("multilabel", truth, labels))
    assert statistic.value() == pytest.approx(REFERENCE[name](truth, said, average=average, zero_division=0))


@pytest.mark.parametrize("name", NAMES)
def test_default_averages(name):
    truth, said = _random(1, classes=2)
    binary = metric(name).prepare(outputs("binary", "label", said, ("n", "y")), targets("binary", truth, ("n", "y")))
    assert binary.value() == pytest.approx(REFERENCE[name](truth, said))
    truth, said = _random(2)
    several = metric(name).prepare(outputs("multiclass", "label", said, LABELS), targets("multiclass", truth, LABELS))
    assert several.value() == pytest.approx(REFERENCE[name](truth, said, average="macro"))


def test_balanced_accuracy_as_scikit_learn():
    truth, said = _random(5)
    statistic = metric("balanced_accuracy").prepare(outputs("multiclass", "label", said, LABELS), targets("multiclass", truth, LABELS))
    assert statistic.value() == pytest.approx(balanced_accuracy_score(truth, said))


def test_macro_looks_at_the_classes_that_occur():
    """Class c is never true: one false alarm for it costs its victim recall, and adds no class to the mean."""
    truth, said = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    pair = outputs("multiclass", "label", said, tuple("abc")), targets("multiclass", truth, tuple("abc"))
    assert metric("f1").prepare(*pair).value() == pytest.approx((2 / 3 + 1) / 2)
    assert metric("f1").prepare(*pair).value() == pytest.approx(f1_score(truth, said, labels=[0, 1], average="macro"))


def test_a_wrong_answer_of_no_class_is_one_prediction_shared_by_the_wrong_classes():
    """Four examples of a, b, b, c; the first fails: b and c are each predicted half a time more."""
    model = outputs("multiclass", "label", [0, 1, 1, 2], tuple("abc"), failed=[0])
    truth = targets("multiclass", [0, 1, 1, 2], tuple("abc"))
    assert metric("precision").prepare(model, truth).value() == pytest.approx((0 + 2 / 2.5 + 1 / 1.5) / 3)
    assert metric("recall").prepare(model, truth).value() == pytest.approx(2 / 3)
    assert metric("f1").prepare(model, truth).value() == pytest.approx((0 + 4 / 4.5 + 2 / 2.5) / 3)
    for name in NAMES:
        assert metric(name, average="micro").prepare(model, truth).value() == pytest.approx(3 / 4)


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_binary_row_is_the_opposite_class(name):
    truth, said = _random(8, classes=2)
    lost = [0, 5, 11, 30]
    opposite = said.copy()
    opposite[lost] = 1 - truth[lost]
    yes = ("n", "y")
    failed = metric(name).prepare(outputs("binary", "label", said, yes, failed=lost), targets("binary", truth, yes))
    assert failed.value() == pytest.approx(REFERENCE[name](truth, opposite))


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_multilabel_row_is_wrong_about_every_label(name):
    rng = np.random.default_rng(4)
    truth, said = rng.random((50, 3)) < 0.4, rng.random((50, 3)) < 0.4
    flipped = said.copy()
    flipped[:3] = ~truth[:3]
    labels = tuple("abc")
    failed = metric(name).prepare(outputs("multilabel", "label", said, labels, failed=[0, 1, 2]), targets("multilabel", truth, labels))
    assert failed.value() == pytest.approx(REFERENCE[name](truth, flipped, average="macro"))


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_occur_does_not_exist(name):
    yes = ("n", "y")
    statistic = metric(name).prepare(outputs("binary", "label", [0, 1], yes), targets("binary", [0, 0], yes))
    assert np.isnan(statistic.value())
    assert statistic.class_counts().tolist() == [2, 0]
    empty = metric(name, average="macro").prepare(outputs("binary", "label", [], yes), targets("binary", [], yes))
    assert np.isnan(empty.value())


def test_class_counts():
    truth = targets("multiclass", [0, 0, 1, 2, 2, 2], tuple("abcd"))
    model = outputs("multiclass", "label", [0] * 6, tuple("abcd"))
    assert metric("f1").prepare(model, truth).class_counts().tolist() == [2, 1, 3, 0]
    assert metric("f1").prepare(model, truth).class_counts(np.array([0, 3])).tolist() == [1, 0, 1, 0]
    assert metric("f1", average="micro").prepare(model, truth).class_counts() is None
    many = targets("multilabel", [[1, 0], [1, 1], [0, 0]], ("a", "b"))
    said = outputs("multilabel", "label", np.zeros((3, 2), dtype=bool), ("a", "b"))
    assert metric("recall").prepare(said, many).class_counts().tolist() == [2, 1]


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_examples_of_one_cell_are_interchangeable(task):
    rng = np.random.default_rng(9)
    labels = tuple("abc")
    if task == "multiclass":
        pair = outputs(task, "label", rng.integers(-1, 3, 200), labels), targets(task, rng.integers(0, 3, 200), labels)
    else:
        pair = outputs(task, "label", rng.random((200, 3)) < 0.5, labels), targets(task, rng.random((200, 3)) < 0.5, labels)
    statistic = metric("f1").prepare(*pair)
    cells = statistic.cells()
    _, first, inverse = np.unique(cells, return_index=True, return_inverse=True)
    assert len(first) < 200
    weights = rng.integers(0, 4, 200).astype(float)
    pooled = np.bincount(inverse, weights=weights)
    assert statistic.values(first, pooled[None])[0] == pytest.approx(statistic.value(weights))

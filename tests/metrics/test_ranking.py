"""AUROC and average precision: by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from harness.metrics.metric import RankStatistic

from .build import metric, outputs, softmax, targets

YES = ("no", "yes")


def _scores(seed: int, n: int = 300, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    scores = rng.normal(truth, 1.2)
    return truth, np.round(scores, 1) if ties else scores


@pytest.mark.parametrize(("name", "reference"), [("auroc", roc_auc_score), ("average_precision", average_precision_score)])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_as_scikit_learn(name, reference, ties, weighted):
    truth, scores = _scores(3, ties=ties)
    weights = np.random.default_rng(5).integers(0, 4, len(truth)).astype(float) if weighted else None
    statistic = metric(name).prepare(outputs("binary", "score", scores), targets("binary", truth, YES))
    assert statistic.value(weights) == pytest.approx(reference(truth, scores, sample_weight=weights))


def test_auroc_by_hand():
    """Positives 3 and 1, negatives 2 and 1: of four pairs two are right, one tied, one wrong."""
    statistic = metric("auroc").prepare(outputs("binary", "score", [3.0, 1.0, 2.0, 1.0]), targets("binary", [1, 1, 0, 0], YES))
    assert statistic.value() == pytest.approx(2.5 / 4)


@pytest.mark.parametrize("average", ["macro", "weighted"])
@pytest.mark.parametrize("type_", ["probabilities", "logits"])
def test_multiclass_one_against_the_rest_as_scikit_learn(average, type_):
    rng = np.random.default_rng(11)
    truth = rng.integers(0, 4, 500)
    logits = rng.normal(size=(500, 4)) + 1.5 * np.eye(4)[truth]
    labels = tuple("abcd")
    values = softmax(logits) if type_ == "probabilities" else logits
    statistic = metric("auroc", average=average).prepare(outputs("multiclass", type_, values, labels), targets("multiclass", truth, labels))
    assert statistic.value() == pytest.approx(roc_auc_score(truth, softmax(logits), multi_class="ovr", average=average))


@pytest.mark.parametrize(("name", "reference"), [("auroc", roc_auc_score), ("average_precision", average_precision_score)])
@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_multilabel_as_scikit_learn(name, reference, average):
    rng = np.random.default_rng(12)
    truth = rng.random((400, 3)) < [0.5, 0.2, 0.1]
    logits = rng.normal(size=(400, 3)) + truth
    labels = tuple("abc")
    statistic = metric(name, average=average).prepare(outputs("multilabel", "logits", logits, labels), targets("multilabel", truth, labels))
    assert statistic.value() == pytest.approx(reference(truth, logits, average=average))


def test_saturated_logits_still_rank():
    """Softmax is 1.0 in both rows; the log-odds tell them apart."""
    logits = np.array([[60.0, 0.0, 0.0], [50.0, 0.0, 0.0]])
    statistic = metric("auroc").prepare(outputs("multiclass", "logits", logits, tuple("abc")), targets("multiclass", [0, 1], tuple("abc")))
    first, second, _ = statistic.classes
    assert (first.value(), second.value()) == (1.0, 1.0)
    binary = outputs("binary", "logits", [[0.0, 60.0], [0.0, 50.0]], YES)
    assert metric("auroc").prepare(binary, targets("binary", [1, 0], YES)).value() == 1.0


def test_a_failed_row_takes_the_worst_place():
    truth, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    auroc = metric("auroc")
    right = targets("binary", truth, YES)
    assert auroc.prepare(outputs("binary", "score", scores, failed=[3]), right).value() == pytest.approx(0.5)
    assert auroc.prepare(outputs("binary", "score", scores, failed=[0]), right).value() == pytest.approx(0.5)
    assert auroc.prepare(outputs("binary", "score", scores, failed=[0, 1, 2, 3]), right).value() == 0


def test_delong_gets_scores_and_classes():
    truth, scores = _scores(3, n=50)
    statistic = metric("auroc").prepare(outputs("binary", "score", scores, failed=[7]), targets("binary", truth, YES))
    assert isinstance(statistic, RankStatistic)
    assert np.array_equal(statistic.positive(), truth == 1)
    assert roc_auc_score(truth, statistic.ranking()) == pytest.approx(statistic.value())
    assert np.argsort(statistic.ranking())[-1 if truth[7] == 0 else 0] == 7
    several = metric("auroc").prepare(
        outputs("multiclass", "logits", np.eye(3), tuple("abc")), targets("multiclass", [0, 1, 2], tuple("abc"))
    )
    assert not isinstance(several, RankStatistic)
    precision = metric("average_precision").prepare(outputs("binary", "score", scores), targets("binary", truth, YES))
    assert not isinstance(precision, RankStatistic)


def test_one_class_alone_has_no_auroc():
    statistic = metric("auroc").prepare(outputs("binary", "score", [0.1, 0.2, 0.3]), targets("binary", [0, 0, 1], YES))
    assert np.isnan(statistic.value(np.array([1.0, 1.0, 0.0])))
    assert np.isnan(statistic.values(np.array([0, 1]), np.ones((1, 2)))).all()
    assert np.isnan(statistic.values(np.array([], dtype=np.int64), np.ones((2, 0)))).all()
    assert statistic.class_counts().tolist() == [2, 1]
    assert statistic.class_counts(np.array([0, 1])).tolist() == [2, 0]


def test_classes_without_examples_are_left_out():
    """Class c never occurs; a and b are told apart perfectly."""
    logits = [[3.0, 0.0, 0.0], [2.0, 0.0, 1.0], [0.0, 3.0, 0.0]]
    statistic = metric("auroc").prepare(
        outputs("multiclass", "logits", logits, tuple("abc")), targets("multiclass", [0, 0, 1], tuple("abc"))
    )
    assert statistic.value() == 1.0
    assert statistic.class_counts().tolist() == [2, 1, 0]

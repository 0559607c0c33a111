"""Log loss, Brier score, calibration, token likelihood."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from harness.errors import MeasurementError

from .build import metric, outputs, softmax, targets

LABELS = tuple("abcd")


def _multiclass(seed: int = 1, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, n)
    return truth, rng.normal(size=(n, 4)) + 2 * np.eye(4)[truth]


@pytest.mark.parametrize("type_", ["probabilities", "logits"])
def test_multiclass_as_scikit_learn(type_):
    truth, logits = _multiclass()
    model = outputs("multiclass", type_, softmax(logits) if type_ == "probabilities" else logits, LABELS)
    right = targets("multiclass", truth, LABELS)
    assert metric("log_loss").scores(model, right).mean() == pytest.approx(log_loss(truth, softmax(logits)))
    expected = brier_score_loss(truth, softmax(logits), scale_by_half=True)
    assert metric("brier").scores(model, right).mean() == pytest.approx(expected)


@pytest.mark.parametrize("form", ["score", "one column", "two columns", "logits"])
def test_binary_as_scikit_learn(form):
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 200)
    p = rng.random(200)
    type_, values = {
        "score": ("score", p),
        "one column": ("probabilities", p[:, None]),
        "two columns": ("probabilities", np.column_stack([1 - p, p])),
        "logits": ("logits", np.log(p / (1 - p))),
    }[form]
    model, right = outputs("binary", type_, values, ("n", "y")), targets("binary", truth, ("n", "y"))
    assert metric("log_loss").scores(model, right).mean() == pytest.approx(log_loss(truth, p))
    assert metric("brier").scores(model, right).mean() == pytest.approx(brier_score_loss(truth, p))


def test_multilabel_is_the_mean_over_labels():
    model = outputs("multilabel", "probabilities", [[0.9, 0.2]], ("a", "b"))
    right = targets("multilabel", [[True, False]], ("a", "b"))
    assert metric("log_loss").scores(model, right)[0] == pytest.approx(-(math.log(0.9) + math.log(0.8)) / 2)
    assert metric("brier").scores(model, right)[0] == pytest.approx((0.01 + 0.04) / 2)


def test_columns_are_matched_by_label_name():
    truth, logits = _multiclass()
    order = [2, 0, 3, 1]
    shuffled = outputs("multiclass", "logits", logits[:, order], tuple(LABELS[i] for i in order))
    straight, right = outputs("multiclass", "logits", logits, LABELS), targets("multiclass", truth, LABELS)
    for name in ("log_loss", "brier"):
        assert np.allclose(metric(name).scores(shuffled, right), metric(name).scores(straight, right))
    for name in ("ece", "auroc", "f1"):
        assert metric(name).prepare(shuffled, right).value() == pytest.approx(metric(name).prepare(straight, right).value())


def test_probability_on_an_unknown_class_is_lost_and_an_unknown_target_costs_the_cap():
    model = outputs("multiclass", "probabilities", [[0.5, 0.5], [0.5, 0.5]], ("a", "martian"))
    right = targets("multiclass", [0, 1], ("a", "b"))
    assert metric("log_loss", cap=9).scores(model, right) == pytest.approx([math.log(2), 9])
    assert metric("brier").scores(model, right) == pytest.approx([(0.25 + 0.25) / 2, (0.25 + 0.25 + 1) / 2])


def test_cap_and_failures():
    model = outputs("binary", "probabilities", [1.0, 0.0, 0.5], ("n", "y"), failed=[2])
    right = targets("binary", [0, 0, 1], ("n", "y"))
    assert metric("log_loss").scores(model, right).tolist() == [20, 0, 20]
    assert metric("log_loss", cap=3.5).scores(model, right).tolist() == [3.5, 0, 3.5]
    assert metric("log_loss", cap=3.5).info.bounds == (0, 3.5)
    assert metric("brier").scores(model, right).tolist() == [1, 0, 1]


def test_huge_logits_do_not_overflow():
    model = outputs("multiclass", "logits", np.array([[1e4, 0.0], [-1e4, 1e4]], dtype=np.float32), ("a", "b"))
    right = targets("multiclass", [1, 1], ("a", "b"))
    assert metric("log_loss").scores(model, right).tolist() == [20, 0]
    assert metric("log_loss").scores(outputs("binary", "logits", [1e4, -1e4]), targets("binary", [1, 1], ("n", "y"))).tolist() == [0, 20]


def test_probabilities_of_a_quantized_softmax_are_normalised():
    coarse = np.array([[0.5, 0.25, 0.125]])
    found = metric("log_loss").scores(
        outputs("multiclass", "probabilities", coarse, tuple("abc")), targets("multiclass", [0], tuple("abc"))
    )
    assert found[0] == pytest.approx(-math.log(0.5 / 0.875))


def test_logits_declared_as_probabilities_are_noticed():
    truth, logits = _multiclass()
    with pytest.raises(MeasurementError, match="declare `type: logits`"):
        metric("log_loss").scores(outputs("multiclass", "probabilities", logits, LABELS), targets("multiclass", truth, LABELS))
    with pytest.raises(MeasurementError, match=r"probabilities sum to 2\.4 per example"):
        metric("brier").scores(outputs("multiclass", "probabilities", [[0.6] * 4], LABELS), targets("multiclass", [0], LABELS))
    with pytest.raises(MeasurementError, match="declare `type: logits`"):
        metric("brier").scores(outputs("binary", "score", [3.0, -2.0]), targets("binary", [1, 0], ("n", "y")))


def _ece_by_loop(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    """Guo et al. 2017, equations 2–3, word for word."""
    total = 0.0
    for m in range(bins):
        inside = [i for i, c in enumerate(confidence) if m / bins < c <= (m + 1) / bins]
        if inside:
            accuracy = sum(right[i] for i in inside) / len(inside)
            mean_confidence = sum(confidence[i] for i in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(accuracy - mean_confidence)
    return total


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_ece_as_its_definition(bins):
    truth, logits = _multiclass(n=500)
    p = softmax(logits)
    statistic = metric("ece", bins=bins).prepare(outputs("multiclass", "logits", logits, LABELS), targets("multiclass", truth, LABELS))
    assert statistic.value() == pytest.approx(_ece_by_loop(p.max(axis=1), p.argmax(axis=1) == truth, bins))


def test_binary_ece_by_hand():
    """Confidence 0.9 twice with one right, 0.6 once and right: 2/3·0.4 + 1/3·0.4."""
    model = outputs("binary", "probabilities", [0.9, 0.1, 0.6], ("n", "y"))
    statistic = metric("ece", bins=10).prepare(model, targets("binary", [1, 1, 1], ("n", "y")))
    assert statistic.value() == pytest.approx(2 / 3 * 0.4 + 1 / 3 * 0.4)


def test_bins_are_closed_above():
    """Confidence 0.5 and right is in (0, 0.5], 0.75 and wrong in (0.5, 1]: 0.5 and 0.75 do not cancel."""
    model = outputs("binary", "probabilities", [0.5, 0.75], ("n", "y"))
    statistic = metric("ece", bins=2).prepare(model, targets("binary", [0, 0], ("n", "y")))
    assert statistic.value() == pytest.approx((0.5 + 0.75) / 2)


def test_failures_cannot_balance_timid_answers():
    """Nine answers of confidence 0.9, all right, are 0.1 too timid; the failed tenth must not make up for them."""
    model = outputs("binary", "probabilities", [0.9] * 10, ("n", "y"), failed=[9])
    statistic = metric("ece").prepare(model, targets("binary", [1] * 10, ("n", "y")))
    assert statistic.value() == pytest.approx(0.9 * 0.1 + 0.1 * 1)


LOGS = np.log(np.array([0.5, 0.25, 0.125, 0.9], dtype=np.float32))
OFFSETS = np.array([0, 3, 4])


def test_token_likelihood_and_perplexity_by_hand():
    model = outputs("tokens", "label", [0, 0, 0, 0], offsets=OFFSETS, token_log_probs=LOGS)
    right = targets("tokens", [1, 2, 3, 4], offsets=OFFSETS)
    found = metric("token_log_likelihood").scores(model, right)
    assert found == pytest.approx([-math.log(4), math.log(0.9)], rel=1e-6)
    perplexity = metric("perplexity").prepare(model, right)
    assert perplexity.value() == pytest.approx((0.5 * 0.25 * 0.125 * 0.9) ** (-1 / 4), rel=1e-6)
    assert perplexity.value(np.array([1.0, 2.0])) == pytest.approx((0.5 * 0.25 * 0.125 * 0.9**2) ** (-1 / 5), rel=1e-6)
    assert np.isnan(perplexity.value(np.zeros(2)))


def test_token_likelihood_from_logits_is_that_of_their_log_softmax():
    from scipy.special import log_softmax

    rng = np.random.default_rng(4)
    logits = rng.normal(size=(4, 6)).astype(np.float32)
    right = targets("tokens", [1, 5, -100, 3], offsets=OFFSETS, ignore_index=-100)
    model = outputs("tokens", "logits", logits, offsets=OFFSETS)
    logs = log_softmax(logits.astype(float), axis=1)
    expected = [(logs[0, 1] + logs[1, 5]) / 2, logs[3, 3]]
    assert metric("token_log_likelihood").scores(model, right) == pytest.approx(expected)
    probabilities = outputs("tokens", "probabilities", np.exp(logs), offsets=OFFSETS)
    assert metric("token_log_likelihood").scores(probabilities, right) == pytest.approx(expected)
    given = outputs("tokens", "score", logs[[0, 1, 2, 3], [1, 5, 0, 3]], offsets=OFFSETS)
    assert metric("token_log_likelihood").scores(given, right) == pytest.approx(expected)


def test_a_failed_text_costs_the_cap_for_every_token():
    model = outputs("tokens", "label", [0, 0, 0, 0], offsets=OFFSETS, token_log_probs=LOGS, failed=[1])
    right = targets("tokens", [1, 2, 3, 4], offsets=OFFSETS)
    assert metric("token_log_likelihood", cap=5).scores(model, right)[1] == -5
    assert metric("perplexity", cap=5).prepare(model, right).value() == pytest.approx(math.exp((math.log(64) + 5) / 4), rel=1e-6)


def test_token_likelihood_that_cannot_be():
    right = targets("tokens", [1, 2, 3, 4], offsets=OFFSETS)
    with pytest.raises(MeasurementError, match="log-probability of each target token"):
        metric("token_log_likelihood").scores(outputs("tokens", "label", [0, 0, 0, 0], offsets=OFFSETS), right)
    with pytest.raises(MeasurementError, match="never positive"):
        metric("perplexity").prepare(outputs("tokens", "score", np.array([0.5, 0.2, 0.1, 0.3]), offsets=OFFSETS), right)
    with pytest.raises(MeasurementError, match="target token 4 is outside the model's 3 tokens"):
        metric("perplexity").prepare(outputs("tokens", "logits", np.zeros((4, 3)), offsets=OFFSETS), right)

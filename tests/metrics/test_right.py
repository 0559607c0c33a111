"""Right-or-wrong metrics by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from .build import metric, outputs, targets

ABC = ("a", "b", "c")


def test_accuracy_of_labels():
    found = metric("accuracy").scores(outputs("multiclass", "label", [0, 1, 2, 0], ABC), targets("multiclass", [0, 1, 1, 2], ABC))
    assert found.tolist() == [1, 1, 0, 0]
    assert found.dtype == np.float64


def test_labels_are_matched_by_name_not_by_position():
    model = outputs("multiclass", "label", [0, 1, 2], ("c", "a", "b"))
    assert metric("accuracy").scores(model, targets("multiclass", [2, 0, 0], ABC)).tolist() == [1, 1, 0]
    columns = outputs("multiclass", "logits", [[5.0, 0, 0], [0, 5, 0], [0, 0, 5]], ("c", "a", "b"))
    assert metric("accuracy").scores(columns, targets("multiclass", [2, 0, 1], ABC)).tolist() == [1, 1, 1]


def test_a_label_unknown_to_the_data_is_wrong():
    model = outputs("multiclass", "label", [3, 0, -1], ("a", "b", "c", "martian"))
    assert metric("accuracy").scores(model, targets("multiclass", [0, 0, 2], ABC)).tolist() == [0, 1, 0]


def test_a_label_twice_is_refused():
    with pytest.raises(Exception, match="'a' twice"):
        metric("accuracy").scores(outputs("multiclass", "label", [0], ("a", "a")), targets("multiclass", [0], ABC))


def test_ties_go_to_the_lowest_index():
    model = outputs("multiclass", "probabilities", [[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]], ABC)
    assert metric("accuracy").scores(model, targets("multiclass", [0, 2], ABC)).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("type_", "values", "threshold"),
    [
        ("score", [0.2, 0.7, 0.69, 0.9], 0.7),
        ("probabilities", [[0.8, 0.2], [0.3, 0.7], [0.31, 0.69], [0.1, 0.9]], 0.7),
        ("probabilities", [[0.2], [0.7], [0.69], [0.9]], 0.7),
        ("logits", np.log([0.2 / 0.8, 0.71 / 0.29, 0.69 / 0.31, 0.9 / 0.1]), 0.7),
        ("logits", [[2.0, 0.0], [0.0, 1.0], [0.5, 0.5], [-3.0, 3.0]], 0.5),
        ("label", [0, 1, 0, 1], 0.5),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_form_of_a_binary_answer(type_, values, threshold, dtype):
    labels = ("no", "yes")
    model = outputs("binary", type_, np.asarray(values, dtype=dtype), labels, threshold=threshold)
    assert metric("accuracy").scores(model, targets("binary", [0, 1, 0, 1], labels)).tolist() == [1, 1, 1, 1]
    assert metric("accuracy").scores(model, targets("binary", [1, 0, 1, 0], labels)).tolist() == [0, 0, 0, 0]


def test_the_positive_column_is_found_by_name():
    model = outputs("binary", "probabilities", [[0.9, 0.1], [0.2, 0.8]], ("yes", "no"))
    assert metric("accuracy").scores(model, targets("binary", [1, 0], ("no", "yes"))).tolist() == [1, 1]


def test_multilabel_needs_the_whole_set():
    truth = targets("multilabel", [[1, 0, 1], [0, 0, 0], [1, 1, 0]], ABC)
    model = outputs("multilabel", "probabilities", [[0.9, 0.1, 0.5], [0.1, 0.1, 0.1], [0.9, 0.4, 0.1]], ABC)
    assert metric("accuracy").scores(model, truth).tolist() == [1, 1, 0]
    strict = outputs("multilabel", "probabilities", [[0.9, 0.1, 0.5], [0.1, 0.1, 0.1], [0.9, 0.4, 0.1]], ABC, threshold=0.6)
    assert metric("accuracy").scores(strict, truth).tolist() == [0, 1, 0]


def test_multilabel_prediction_of_an_unknown_label_is_wrong():
    model = outputs("multilabel", "label", np.array([[1, 0, 0], [1, 0, 1]], dtype=bool), ("a", "b", "martian"))
    assert metric("accuracy").scores(model, targets("multilabel", [[1, 0], [1, 0]], ("a", "b"))).tolist() == [1, 0]


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_as_scikit_learn(k):
    from sklearn.metrics import top_k_accuracy_score

    rng = np.random.default_rng(k)
    logits, truth = rng.normal(size=(500, 7)).astype(np.float32), rng.integers(0, 7, 500)
    labels = tuple("abcdefg")
    found = metric("top_k", k=k).scores(outputs("multiclass", "logits", logits, labels), targets("multiclass", truth, labels))
    assert found.mean() == pytest.approx(top_k_accuracy_score(truth, logits, k=k, labels=range(7)))
    if k == 1:
        accuracy = metric("accuracy").scores(outputs("multiclass", "logits", logits, labels), targets("multiclass", truth, labels))
        assert np.array_equal(found, accuracy)


def test_top_k_ties_and_label_order():
    model = outputs("multiclass", "probabilities", [[0.4, 0.3, 0.3, 0.0]] * 4, ("d", "c", "b", "a"))
    truth = targets("multiclass", [3, 2, 1, 0], ("a", "b", "c", "d"))
    assert metric("top_k", k=2).scores(model, truth).tolist() == [1, 1, 0, 0]


def test_top_k_of_a_class_the_model_does_not_know_is_wrong():
    model = outputs("multiclass", "logits", [[3.0, 2.0, 1.0]], ("a", "b", "z"))
    assert metric("top_k", k=2).scores(model, targets("multiclass", [2], ABC)).tolist() == [0]


def test_exact_match_may_overlook_case_and_punctuation():
    model = outputs("multiclass", "label", [0, 1, 2, 3, -1], ("paris", "Rome.", "Oslo", "Berlin"))
    truth = targets("multiclass", [0, 1, 2, 0, 0], ("Paris", "Rome", "Oslo"))
    assert metric("exact_match").scores(model, truth).tolist() == [0, 0, 1, 0, 0]
    assert metric("exact_match", ignore_case=True).scores(model, truth).tolist() == [1, 0, 1, 0, 0]
    assert metric("exact_match", ignore_case=True, ignore_punctuation=True).scores(model, truth).tolist() == [1, 1, 1, 0, 0]


def _tokens(values, offsets, **more):
    return outputs("tokens", "label", values, offsets=np.asarray(offsets, dtype=np.int64), **more)


def test_token_metrics_by_hand():
    truth = targets("tokens", [5, 6, -100, 7, -100, 8], offsets=np.array([0, 3, 4, 5, 6]), ignore_index=-100)
    model = _tokens([5, 9, 1, 7, 3, 9], [0, 3, 4, 5, 6])
    assert metric("token_accuracy").scores(model, truth).tolist() == [0.5, 1, 0, 0]
    assert metric("token_accuracy").units(truth).tolist() == [True, True, False, True]
    assert metric("exact_match").scores(model, truth)[[0, 1, 3]].tolist() == [0, 1, 0]
    assert metric("exact_match").units(truth).tolist() == [True, True, False, True]


def test_failed_token_rows_need_not_have_answers():
    truth = targets("tokens", [5, 6, 7, 8], offsets=np.array([0, 2, 3, 4]))
    model = _tokens([5, 6, 8], [0, 2, 2, 3], failed=[1])
    assert metric("token_accuracy").scores(model, truth).tolist() == [1, 0, 1]
    assert metric("exact_match").scores(model, truth).tolist() == [1, 0, 1]


def test_token_counts_must_agree():
    truth = targets("tokens", [5, 6, 7], offsets=np.array([0, 2, 3]))
    with pytest.raises(Exception, match="row 0 has 1 answers for 2 targets"):
        metric("token_accuracy").scores(_tokens([5, 7], [0, 1, 2]), truth)


def test_token_answers_by_argmax_and_by_label_name():
    truth = targets("tokens", [0, 1, 1], ("noun", "verb"), offsets=np.array([0, 2, 3]))
    logits = outputs("tokens", "logits", [[0.1, 0.9], [0.9, 0.1], [0.1, 0.9]], ("verb", "noun"), offsets=np.array([0, 2, 3]))
    assert metric("token_accuracy").scores(logits, truth).tolist() == [1, 0]


@pytest.mark.parametrize("name", ["accuracy", "exact_match", "token_accuracy"])
def test_what_they_declare(name):
    info = metric(name).info
    assert (info.name, info.direction, info.bounds, info.share) == (name, "higher", (0, 1), True)
    assert info.binary is (name != "token_accuracy")


def test_real_predictions_as_scikit_learn():
    from sklearn.datasets import load_digits
    from sklearn.metrics import accuracy_score
    from sklearn.naive_bayes import GaussianNB

    images, digits = load_digits(return_X_y=True)
    model = GaussianNB().fit(images[:900], digits[:900])
    labels = tuple(map(str, range(10)))
    truth = targets("multiclass", digits[900:], labels)
    predicted = model.predict(images[900:])
    expected = accuracy_score(digits[900:], predicted)
    assert metric("accuracy").scores(outputs("multiclass", "label", predicted, labels), truth).mean() == pytest.approx(expected)
    scores = outputs("multiclass", "logits", model.predict_joint_log_proba(images[900:]), labels)
    assert metric("accuracy").scores(scores, truth).mean() == pytest.approx(expected)

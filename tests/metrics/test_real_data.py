"""A model of real data, judged here and by scikit-learn."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from sklearn import metrics as reference

from .build import DATA, metric, outputs, targets

NUMERIC = ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")
LABELS = ("<=50K", ">50K")


@pytest.fixture(scope="module")
def adult():
    """(truth, probability of the positive class) of 16,000 people unseen by a logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    path = DATA / "adult_census" / "adult.csv"
    if not path.is_file():
        pytest.skip(f"the data set adult_census is not at {path}")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    features = StandardScaler().fit_transform(np.array([[float(row[name]) for name in NUMERIC] for row in rows]))
    truth = np.array([row["income-per-year"].strip() == LABELS[1] for row in rows]).astype(int)
    model = LogisticRegression().fit(features[:16_000], truth[:16_000])
    return truth[16_000:], model.predict_proba(features[16_000:])


def test_adult_census(adult):
    truth, p = adult
    right = targets("binary", truth, LABELS)
    model = outputs("binary", "probabilities", p, LABELS)
    said = p.argmax(axis=1)
    expected = {
        "accuracy": reference.accuracy_score(truth, said),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, said),
        "precision": reference.precision_score(truth, said),
        "recall": reference.recall_score(truth, said),
        "f1": reference.f1_score(truth, said),
        "auroc": reference.roc_auc_score(truth, p[:, 1]),
        "average_precision": reference.average_precision_score(truth, p[:, 1]),
        "log_loss": reference.log_loss(truth, p),
        "brier": reference.brier_score_loss(truth, p[:, 1]),
    }
    for name, value in expected.items():
        chosen = metric(name)
        found = chosen.scores(model, right).mean() if name in ("accuracy", "log_loss", "brier") else chosen.prepare(model, right).value()
        assert found == pytest.approx(value), name


def test_digits_one_against_the_rest():
    from sklearn.datasets import load_digits
    from sklearn.naive_bayes import GaussianNB

    images, digits = load_digits(return_X_y=True)
    model = GaussianNB().fit(images[:900, :40], digits[:900])
    p, truth = model.predict_proba(images[900:, :40]), digits[900:]
    labels = tuple(map(str, range(10)))
    pair = outputs("multiclass", "probabilities", p, labels), targets("multiclass", truth, labels)
    assert metric("auroc").prepare(*pair).value() == pytest.approx(reference.roc_auc_score(truth, p, multi_class="ovr"))
    assert metric("f1").prepare(*pair).value() == pytest.approx(reference.f1_score(truth, p.argmax(axis=1), average="macro"))
    smallest = np.finfo(np.float64).eps  # where scikit-learn clips
    assert metric("log_loss", cap=-np.log(smallest)).scores(*pair).mean() == pytest.approx(reference.log_loss(truth, p))
    logs = model.predict_joint_log_proba(images[900:, :40])
    guesses = metric("top_k", k=3).scores(outputs("multiclass", "logits", logs, labels), pair[1])
    assert guesses.mean() == pytest.approx(reference.top_k_accuracy_score(truth, logs, k=3))

"""Failures planted where they hurt most, against failing the rows one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.arrays.outputs import Outputs, RowStatus
from harness.arrays.targets import Targets
from harness.checks.planting import TRIED, Units, with_failed_twins, with_twins
from tests.metrics.build import metric, outputs, softmax, targets

Case = tuple[str, dict[str, Any], Callable[[np.random.Generator], tuple[Outputs, Targets]]]
LABELS = tuple("abc")
N = 30


def label(rng: np.random.Generator) -> tuple[Outputs, Targets]:
    truth = rng.choice(3, N, p=[0.6, 0.25, 0.15])
    said = np.where(rng.random(N) < 0.7, truth, rng.integers(0, 3, N))
    return outputs("multiclass", "label", said, LABELS, failed=[4]), targets("multiclass", truth, LABELS)


def probabilities(rng: np.random.Generator) -> tuple[Outputs, Targets]:
    truth = rng.integers(0, 3, N)
    values = softmax(rng.normal(size=(N, 3)) + 1.5 * np.eye(3)[truth])
    return outputs("multiclass", "probabilities", values, LABELS), targets("multiclass", truth, LABELS)


def scores(rng: np.random.Generator) -> tuple[Outputs, Targets]:
    truth = rng.integers(0, 2, N)
    return outputs("binary", "score", rng.random(N), ("no", "yes")), targets("binary", truth, ("no", "yes"))


def sets(rng: np.random.Generator) -> tuple[Outputs, Targets]:
    truth = rng.random((N, 3)) < 0.4
    return outputs("multilabel", "label", truth ^ (rng.random((N, 3)) < 0.2), LABELS), targets("multilabel", truth, LABELS)


def values(rng: np.random.Generator) -> tuple[Outputs, Targets]:
    truth = rng.normal(size=N)
    return outputs("regression", "values", truth + rng.normal(size=N)), targets("regression", truth)


def tokens(rng: np.random.Generator) -> tuple[Outputs, Targets]:
    offsets = np.concatenate([[0], np.cumsum(rng.integers(1, 6, N))])
    model = outputs("tokens", "score", -rng.exponential(size=offsets[-1]), offsets=offsets)
    return model, targets("tokens", rng.integers(0, 9, offsets[-1]), offsets=offsets)


CASES: list[Case] = [
    ("f1", {"average": "macro"}, label),
    ("precision", {"average": "weighted"}, label),
    ("balanced_accuracy", {}, label),
    ("f1", {"average": "micro"}, sets),
    ("ece", {}, probabilities),
    ("auroc", {}, probabilities),
    ("recall", {}, scores),
    ("average_precision", {}, scores),
    ("rmse", {"cap": 4}, values),
    ("r2", {"cap": 4}, values),
    ("spearman", {}, values),
    ("perplexity", {}, tokens),
]


def failing(model: Outputs, rows: list[int]) -> Outputs:
    status = model.status.copy()
    status[rows] = RowStatus.RAISED
    return replace(model, status=status)


@pytest.mark.parametrize(("name", "parameters", "case"), CASES)
def test_the_planted_values_are_those_of_a_model_that_failed_there(name: str, parameters: dict[str, Any], case: Any) -> None:
    """Every row is failed by itself; then, class by class, the three rows that hurt most."""
    model, right = case(np.random.default_rng(11))
    made = metric(name, **parameters)
    sign = 1.0 if made.info.direction == "higher" else -1.0
    classes = np.asarray(right.values, dtype=np.int64) if right.task in ("binary", "multiclass") else np.zeros(N, dtype=np.int64)
    before = sign * made.prepare(model, right).value()
    harm = np.array([before - sign * made.prepare(failing(model, [row]), right).value() for row in range(N)])
    expected = []
    for one in np.unique(classes):
        rows = [row for row in np.argsort(-harm, kind="stable").tolist() if classes[row] == one and harm[row] > 1e-12][:3]
        if rows:
            expected.append(made.prepare(failing(model, rows), right).value())

    units = Units.examples(np.arange(N), np.ones(N), classes)
    twins = made.prepare(with_failed_twins(model, units.twins), with_twins(right, units.twins))
    assert twins.value(np.append(np.ones(N), np.zeros(N))) == pytest.approx(sign * before)
    assert units.worst(twins, N, sign) == pytest.approx(expected)
    assert expected


def test_interchangeable_examples_fail_as_often_as_there_are() -> None:
    """Two of class a and five of class b, all right: failing both a, or three b. Hits over 7 by hand: 5 of 7, 4 of 7."""
    truth = np.array([0, 0, 1, 1, 1, 1, 1])
    model, right = outputs("multiclass", "label", truth, ("a", "b")), targets("multiclass", truth, ("a", "b"))
    units = Units.examples(np.array([0, 2]), np.array([2.0, 5.0]), np.array([0, 1]))
    made = metric("recall", average="micro").prepare(with_failed_twins(model, units.twins), with_twins(right, units.twins))
    assert units.worst(made, 7, 1.0).tolist() == pytest.approx([5 / 7, 4 / 7])


def test_clusters_fail_as_a_whole_and_the_large_ones_hurt_most() -> None:
    """Clusters of 1, 2, 3, 4 and 5 right answers: 12 of 15 are lost."""
    clusters = np.repeat(np.arange(5), [1, 2, 3, 4, 5])
    truth = np.arange(15) % 2
    model, right = outputs("multiclass", "label", truth, ("a", "b")), targets("multiclass", truth, ("a", "b"))
    units = Units.clusters(np.arange(15), clusters)
    made = metric("recall", average="micro").prepare(with_failed_twins(model, units.twins), with_twins(right, units.twins))
    assert units.worst(made, 15, 1.0).tolist() == pytest.approx([3 / 15])


def test_of_very_many_examples_some_of_every_class_are_tried() -> None:
    classes = np.append(np.zeros(50_000, dtype=np.int64), np.arange(1, 11))
    units = Units.examples(np.arange(50_010), np.ones(50_010), classes)
    assert set(classes[units.twins].tolist()) == set(range(11))
    assert len(units.twins) <= TRIED
    clusters = Units.clusters(np.arange(50_010), np.append(np.arange(25_000).repeat(2), np.full(10, 25_000)))
    assert np.isin(np.arange(50_000, 50_010), clusters.twins).all(), "the largest cluster is tried"


def test_twins_of_ragged_rows_have_their_tokens() -> None:
    offsets = np.array([0, 1, 3, 6])
    right = targets("tokens", [5, 6, 7, 8, 9, 4], offsets=offsets)
    again = with_twins(right, np.array([2, 0]))
    assert again.values.tolist() == [5, 6, 7, 8, 9, 4, 8, 9, 4, 5]
    assert again.offsets is not None
    assert again.offsets.tolist() == [0, 1, 3, 6, 9, 10]
    model = with_failed_twins(outputs("tokens", "score", -np.ones(6), offsets=offsets), np.array([2, 0]))
    assert model.ok.tolist() == [True] * 3 + [False] * 2
    assert model.values.tolist() == [-1.0] * 6

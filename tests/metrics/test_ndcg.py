"""NDCG: the unit is the query."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from harness.errors import MeasurementError
from harness.metrics.metric import MeanMetric, UnitMetric

from .build import metric, outputs, targets


def _queries(seed: int, ties: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 12, 40)
    groups = np.repeat(np.arange(40), sizes)
    relevance = rng.integers(0, 4, len(groups)).astype(float)
    relevance[np.unique(groups, return_index=True)[1]] += 1
    scores = relevance + rng.normal(0, 2, len(groups))
    order = rng.permutation(len(groups))
    return groups[order], relevance[order], (np.round(scores) if ties else scores)[order]


@pytest.mark.parametrize("k", [None, 1, 3])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("gain", ["linear", "exponential"])
def test_each_query_as_scikit_learn(k, ties, gain):
    groups, relevance, scores = _queries(1, ties)
    chosen = metric("ndcg", k=k, gain=gain)
    right = targets("ranking", relevance, groups=groups.astype(np.int32))
    found = chosen.scores(outputs("ranking", "score", scores), right)
    units = chosen.units(right)
    assert units.sum() == 40
    worth = relevance if gain == "linear" else 2**relevance - 1
    for query in range(40):
        rows = groups == query
        expected = ndcg_score(worth[rows][None], scores[rows][None], k=k)
        assert found[rows] == pytest.approx(expected)
        assert units[rows].sum() == 1


def test_by_hand():
    """Relevances 3, 2, 0 shown in the order 0, 3, 2."""
    right = targets("ranking", [3, 2, 0], groups=np.zeros(3, dtype=np.int32))
    found = metric("ndcg").scores(outputs("ranking", "score", [2.0, 1.0, 3.0]), right)
    assert found == pytest.approx([(3 / math.log2(3) + 2 / 2) / (3 + 2 / math.log2(3))] * 3)


def test_a_query_with_a_failed_row_has_no_ranking():
    right = targets("ranking", [1, 0, 1, 0], groups=np.array([0, 0, 1, 1], dtype=np.int32))
    assert metric("ndcg").scores(outputs("ranking", "score", [1.0, 0.0, 1.0, 0.0], failed=[3]), right).tolist() == [1, 1, 0, 0]


def test_a_query_without_anything_relevant_is_no_unit():
    right = targets("ranking", [0, 0, 1, 0], groups=np.array([4, 4, 1, 1], dtype=np.int32))
    chosen = metric("ndcg")
    assert chosen.units(right).tolist() == [False, False, True, False]
    assert chosen.scores(outputs("ranking", "score", [1.0, 0.0, 1.0, 0.0]), right).tolist() == [0, 0, 1, 1]
    assert isinstance(chosen, MeanMetric)
    assert isinstance(chosen, UnitMetric)


def test_what_it_needs():
    with pytest.raises(MeasurementError, match="declare `group:`"):
        metric("ndcg").scores(outputs("ranking", "score", [1.0]), targets("ranking", [1.0]))
    right = targets("ranking", [-1.0], groups=np.zeros(1, dtype=np.int32))
    with pytest.raises(MeasurementError, match="the smallest is -1"):
        metric("ndcg").scores(outputs("ranking", "score", [1.0]), right)

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from harness.compress import codebook as module
from harness.compress.codebook import codebook, nearest


def error(weight: np.ndarray, values: np.ndarray) -> float:
    return float(np.square(values[nearest(weight, values)].astype(np.float64) - weight).sum())


@pytest.mark.parametrize("size", [2, 16])
def test_as_near_as_the_best_of_five_runs_of_scikit_learn(size: int) -> None:
    weight = np.random.default_rng(0).normal(size=4000).astype(np.float32)
    best = KMeans(size, n_init=5, random_state=1).fit(weight.reshape(-1, 1)).inertia_
    assert error(weight, codebook(weight, size, 0)) < 1.05 * best


@pytest.mark.parametrize(("levels", "decibels"), [(2, 4.40), (4, 9.30), (8, 14.62), (16, 20.22)])
def test_normal_weights_come_as_near_as_max_and_lloyd_found(levels: int, decibels: float) -> None:
    """J. Max, Quantizing for minimum distortion, 1960, table I: mean square errors 0.3634, 0.1175, 0.03454, 0.009497."""
    weight = np.random.default_rng(0).normal(size=200_000).astype(np.float32)
    ratio = -10 * np.log10(error(weight, codebook(weight, levels, 0)) / np.square(weight).sum())
    assert ratio == pytest.approx(decibels, abs=0.1)


@pytest.mark.parametrize(("freedom", "size"), [(4, 16), (1.5, 128)])
def test_bins_cost_next_to_nothing(monkeypatch: pytest.MonkeyPatch, freedom: float, size: int) -> None:
    """With 1.5 degrees of freedom the largest weights are hundreds of times farther out than most, as in the position embeddings
    of a real transformer."""
    weight = np.random.default_rng(2).standard_t(freedom, size=20_000).astype(np.float32)
    binned = error(weight, codebook(weight, size, 0))
    monkeypatch.setattr(module, "BINS", 1 << 20)
    assert binned < 1.02 * error(weight, codebook(weight, size, 0))


def test_one_weight_far_out_does_not_cost_all_others_their_values() -> None:
    weight = np.random.default_rng(3).normal(size=50_000).astype(np.float32)
    weight[7] = 1e6
    values = codebook(weight, 16, 0)
    rest = np.delete(weight, 7)
    assert np.square(values[nearest(rest, values)] - rest).mean() < 0.02


def test_few_distinct_weights_are_kept_exactly() -> None:
    weight = np.array([[0.5, -1.0], [0.5, 2.0]], np.float16)
    values = codebook(weight, 4, 0)
    assert values.dtype == np.float16
    assert values.tolist() == [-1, 0.5, 2]
    assert (values[nearest(weight, values)] == weight).all()


def test_zeros_that_are_the_most_of_their_cluster_stay_zeros() -> None:
    weight = np.random.default_rng(4).normal(size=5000).astype(np.float32)
    weight[np.abs(weight) < 1] = 0
    values = codebook(weight, 8, 0)
    assert (values[nearest(weight, values)][weight == 0] == 0).all()
    dense = np.random.default_rng(4).normal(size=5000).astype(np.float32)
    assert not (codebook(dense, 8, 0) == 0).any()

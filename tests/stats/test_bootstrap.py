"""The paired bootstrap against scipy's BCa, and what weighting by cells must not change."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from harness.errors import MeasurementError
from harness.stats import bca, bootstrap_p_harm


def mean_of(values: np.ndarray):
    return lambda weights: weights @ values / weights.sum(1)


def macro_f1_difference(target: np.ndarray, original: np.ndarray, candidate: np.ndarray, classes: int):
    """Difference of macro-F1 on weightings of cells, NaN where a class is absent."""

    def one(weights: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        hits = np.stack([weights[:, (target == k) & (predicted == k)].sum(1) for k in range(classes)])
        have = np.stack([weights[:, target == k].sum(1) for k in range(classes)])
        said = np.stack([weights[:, predicted == k].sum(1) for k in range(classes)])
        with np.errstate(invalid="ignore"):
            return np.where((have > 0).all(0), (2 * hits / (have + said)).mean(0), np.nan)

    return lambda weights: one(weights, candidate) - one(weights, original)


def test_interval_is_that_of_scipy() -> None:
    values = np.random.default_rng(7).exponential(size=60) - 1
    ours = bca(mean_of(values), np.ones(60), resamples=20_000, seed=1)
    expected = stats.bootstrap((values,), np.mean, n_resamples=20_000, confidence_level=0.9, method="BCa", rng=np.random.default_rng(2))
    width = expected.confidence_interval.high - expected.confidence_interval.low
    assert ours.value == pytest.approx(values.mean())
    assert ours.low == pytest.approx(expected.confidence_interval.low, abs=0.03 * width)
    assert ours.high == pytest.approx(expected.confidence_interval.high, abs=0.03 * width)


def test_cells_say_the_same_as_rows() -> None:
    values, counts = np.array([-1.0, 0.0, 0.5, 1.0]), np.array([12, 150, 9, 3])
    by_rows = bca(mean_of(np.repeat(values, counts)), np.ones(counts.sum()), resamples=20_000, seed=1)
    by_cells = bca(mean_of(values), counts, resamples=20_000, seed=2)
    assert by_cells.value == pytest.approx(by_rows.value)
    width = by_rows.high - by_rows.low
    assert (by_cells.low, by_cells.high) == pytest.approx((by_rows.low, by_rows.high), abs=0.04 * width)


def test_many_rows_are_left_out_in_blocks() -> None:
    values = np.random.default_rng(3).exponential(size=1500) ** 2
    ours = bca(mean_of(values), np.ones(1500), resamples=8000, seed=1)
    expected = stats.bootstrap((values,), np.mean, n_resamples=8000, confidence_level=0.9, method="BCa", rng=np.random.default_rng(2))
    width = expected.confidence_interval.high - expected.confidence_interval.low
    assert ours.low == pytest.approx(expected.confidence_interval.low, abs=0.05 * width)
    assert ours.high == pytest.approx(expected.confidence_interval.high, abs=0.05 * width)


def test_value_of_a_whole_set_metric_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    target = rng.integers(0, 3, 400)
    original = np.where(rng.random(400) < 0.9, target, rng.integers(0, 3, 400))
    candidate = np.where(rng.random(400) < 0.8, original, rng.integers(0, 3, 400))
    cells, counts = np.unique(np.stack([target, original, candidate]), axis=1, return_counts=True)
    result = bca(macro_f1_difference(*cells, 3), counts, resamples=500)
    expected = f1_score(target, candidate, average="macro") - f1_score(target, original, average="macro")
    assert result.value == pytest.approx(expected)
    assert result.low < result.value < result.high
    assert (len(result.replicates), result.missing) == (500, 0)


def test_same_seed_same_result_whatever_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=30)
    one, again, other = (bca(mean_of(values), np.full(30, 10), resamples=300, seed=seed) for seed in (4, 4, 5))
    assert (one.low, one.high) == (again.low, again.high)
    assert one.low != other.low
    monkeypatch.setattr("harness.stats.bootstrap._CHUNK", 700)
    chunked = bca(mean_of(values), np.full(30, 10), resamples=300, seed=4)
    assert len(chunked.replicates) == 300
    assert chunked.low == one.low


def test_clusters_are_drawn_whole() -> None:
    rng = np.random.default_rng(6)
    effects = rng.normal(size=80)
    groups = np.repeat(np.arange(80), 10)
    clustered = bca(mean_of(np.repeat(effects, 10)), np.ones(800), groups=groups, resamples=6000, seed=1)
    of_means = bca(mean_of(effects), np.ones(80), resamples=6000, seed=2)
    width = of_means.high - of_means.low
    assert (clustered.low, clustered.high) == pytest.approx((of_means.low, of_means.high), abs=0.05 * width)
    independent = bca(mean_of(np.repeat(effects, 10)), np.ones(800), resamples=6000, seed=1)
    assert independent.high - independent.low < 0.5 * width


def test_many_clusters_are_left_out_in_blocks() -> None:
    effects = np.random.default_rng(8).exponential(size=700)
    clustered = bca(mean_of(np.repeat(effects, 2)), np.ones(1400), groups=np.repeat(np.arange(700), 2), resamples=4000, seed=1)
    of_means = bca(mean_of(effects), np.ones(700), resamples=4000, seed=1)
    assert (clustered.low, clustered.high) == pytest.approx((of_means.low, of_means.high), abs=0.01)


def test_a_difference_that_never_varies_is_a_point() -> None:
    result = bca(mean_of(np.zeros(5)), np.full(5, 20), resamples=200)
    assert (result.value, result.low, result.high) == (0, 0, 0)


def test_missing_replicates_are_counted_and_too_many_refused() -> None:
    target, same = np.array([0, 1]), np.array([0, 1])
    few = bca(macro_f1_difference(target, same, same, 2), np.array([100, 4]), resamples=2000)
    assert 0 < few.missing < 100
    assert len(few.replicates) == 2000 - few.missing
    with pytest.raises(MeasurementError, match="of 2000 resamples"):
        bca(macro_f1_difference(target, same, same, 2), np.array([100, 1]), resamples=2000)
    with pytest.raises(MeasurementError, match="does not exist"):
        bca(macro_f1_difference(target, same, same, 2), np.array([100, 0]), resamples=2000)


def test_p_of_harm_counts_the_replicates() -> None:
    replicates = np.array([-0.3, -0.2, -0.1, 0.0, 0.1])
    assert bootstrap_p_harm(replicates, 0.0) == 3 / 6
    assert bootstrap_p_harm(replicates, 1.0) == 1 / 6
    assert bootstrap_p_harm(replicates, -0.2) == 5 / 6

"""MAE, MSE, RMSE, R², Spearman against scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score, root_mean_squared_error

from harness.errors import MeasurementError

from .build import metric, outputs, repeat, targets


def _numbers(seed: int = 0, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(50, 10, n)
    return truth, truth + rng.normal(0, 5, n)


def test_means_as_scikit_learn():
    truth, said = _numbers()
    right = targets("regression", truth)
    for values in (said, said[:, None]):
        model = outputs("regression", "values", values)
        assert metric("mae", cap=1000).scores(model, right).mean() == pytest.approx(mean_absolute_error(truth, said))
        assert metric("mse", cap=1000).scores(model, right).mean() == pytest.approx(mean_squared_error(truth, said))


def test_whole_as_scikit_learn_and_scipy():
    truth, said = _numbers(1)
    weights = np.random.default_rng(1).integers(0, 4, len(truth))
    model, right = outputs("regression", "values", said), targets("regression", truth)
    for sample in (None, weights.astype(float)):
        assert metric("rmse").prepare(model, right).value(sample) == pytest.approx(
            root_mean_squared_error(truth, said, sample_weight=sample)
        )
        assert metric("r2").prepare(model, right).value(sample) == pytest.approx(r2_score(truth, said, sample_weight=sample))
    assert metric("spearman").prepare(model, right).value() == pytest.approx(spearmanr(truth, said).statistic)
    rows = np.repeat(np.arange(len(truth)), weights)
    expected = spearmanr(truth[rows], said[rows]).statistic
    assert metric("spearman").prepare(model, right).value(weights.astype(float)) == pytest.approx(expected)


def test_spearman_with_ties_as_scipy():
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 5, 300).astype(float)
    said = truth + rng.integers(-2, 3, 300)
    statistic = metric("spearman").prepare(outputs("regression", "values", said), targets("regression", truth))
    assert statistic.value() == pytest.approx(spearmanr(truth, said).statistic)


def test_cap():
    model, right = outputs("regression", "values", [1.0, 5.0, 100.0], failed=[0]), targets("regression", [1.0, 2.0, 0.0])
    assert metric("mae", cap=10).scores(model, right).tolist() == [10, 3, 10]
    assert metric("mse", cap=10).scores(model, right).tolist() == [100, 9, 100]
    assert metric("mae", cap=10).info.bounds == (0, 10)
    assert metric("mse", cap=10).info.bounds == (0, 100)
    assert metric("rmse", cap=10).prepare(model, right).value() == pytest.approx(np.sqrt(209 / 3))
    assert metric("r2", cap=10).prepare(model, right).value() == pytest.approx(1 - 209 / 2)


@pytest.mark.parametrize("name", ["rmse", "r2"])
def test_failures_without_a_cap_cannot_be_judged(name):
    model, right = outputs("regression", "values", [1.0, 5.0], failed=[0]), targets("regression", [1.0, 2.0])
    with pytest.raises(MeasurementError, match=rf"failed on 1 examples and {name} has no worst value.*metric: {{{name}: {{cap: 10}}}}"):
        metric(name).prepare(model, right)


def test_a_failed_row_ranks_at_the_wrong_end():
    truth = np.arange(5.0)
    spearman = metric("spearman")
    right = targets("regression", truth)
    top = spearman.prepare(outputs("regression", "values", truth, failed=[4]), right).value()
    assert top == pytest.approx(spearmanr(truth, [0, 1, 2, 3, -9]).statistic)
    bottom = spearman.prepare(outputs("regression", "values", truth, failed=[0]), right).value()
    assert bottom == pytest.approx(spearmanr(truth, [9, 1, 2, 3, 4]).statistic)


@pytest.mark.parametrize("name", ["r2", "spearman"])
def test_constant_targets_explain_nothing(name):
    statistic = metric(name).prepare(outputs("regression", "values", [1.0, 2.0, 3.0]), targets("regression", [0.1, 0.1, 0.1]))
    assert np.isnan(statistic.value())
    assert np.isnan(statistic.values(np.array([], dtype=np.int64), np.ones((1, 0)))).all()


def test_a_sample_of_equal_targets_explains_nothing():
    """Rounding must not make a spread out of none."""
    rng = np.random.default_rng(5)
    for constant in rng.normal(0, 10, 50):
        truth = np.append(rng.normal(0, 10, 5), np.full(7, constant))
        statistic = metric("r2").prepare(outputs("regression", "values", truth + 1), targets("regression", truth))
        assert np.isnan(statistic.values(np.arange(5, 12), rng.integers(1, 4, (3, 7)).astype(float))).all()


@pytest.mark.parametrize("name", ["rmse", "r2", "spearman"])
def test_many_weightings_at_once(name):
    truth, said = _numbers(3, n=60)
    model, right = outputs("regression", "values", said), targets("regression", truth)
    rows = np.array([3, 50, 7, 20, 21, 22])
    weights = np.random.default_rng(3).integers(0, 3, (40, 6))
    weights[:, :2] += 1
    found = metric(name).prepare(model, right).values(rows, weights.astype(float))
    for one, value in zip(weights, found, strict=True):
        times = np.zeros(60, dtype=int)
        times[rows] = one
        assert metric(name).prepare(repeat(model, times), repeat(right, times)).value() == pytest.approx(value)

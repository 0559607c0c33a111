"""The planted t against the very samples it describes, and the published paired TOST."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from harness.stats import bca, planted_t_interval, planted_t_p_harm, t_interval

differences = st.lists(st.floats(-1, 1), min_size=2, max_size=60)


def summary(values: list[float]) -> tuple[int, float, float]:
    return len(values), float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def scipy_limits(values: list[float], level: float) -> tuple[float, float]:
    mean, error = np.mean(values), stats.sem(values)
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * error
    return float(mean - half), float(mean + half)


def test_published_paired_tost() -> None:
    interval = t_interval(14, -0.11929, 0.42324)
    assert (interval.low, interval.high) == pytest.approx((-0.31960, 0.081034), abs=1.2e-5)


@given(differences, st.sampled_from([0.8, 0.9, 0.95]))
def test_lower_limit_is_that_of_the_sample_with_one_worst_case_more(values: list[float], level: float) -> None:
    interval = planted_t_interval(*summary(values), reach=1.0, level=level)
    assert interval.low == pytest.approx(max(scipy_limits([*values, -1.0], level)[0], -1), abs=1e-9)
    assert interval.high == pytest.approx(min(scipy_limits([*values, 1.0], level)[1], 1), abs=1e-9)


@given(differences, st.floats(-0.5, 0.5))
def test_p_of_harm_is_that_of_the_sample_with_one_best_case_more(values: list[float], delta: float) -> None:
    planted = [*values, 1.0]
    assume(np.std(planted) > 1e-6)
    expected = stats.ttest_1samp(planted, delta, alternative="less").pvalue
    assert planted_t_p_harm(*summary(values), 1.0, delta) == pytest.approx(expected, abs=1e-8)


@given(differences, st.floats(-0.9, 0.9))
def test_p_of_harm_agrees_with_the_upper_limit(values: list[float], delta: float) -> None:
    interval = planted_t_interval(*summary(values), 1.0)
    assume(abs(interval.high - delta) > 1e-9)
    assert (planted_t_p_harm(*summary(values), 1.0, delta) < 0.05) == (interval.high < delta)


@given(differences)
def test_holds_the_mean_and_stays_within_reach(values: list[float]) -> None:
    interval = planted_t_interval(*summary(values), 1.0)
    assert -1 <= interval.low <= np.mean(values) + 1e-12
    assert np.mean(values) - 1e-12 <= interval.high <= 1


@given(differences)
def test_swapping_the_models_flips_signs(values: list[float]) -> None:
    one = planted_t_interval(*summary(values), 1.0)
    other = planted_t_interval(*summary([-value for value in values]), 1.0)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)


def test_no_difference_is_tangos_caution() -> None:
    interval = planted_t_interval(1000, 0.0, 0.0, 1.0)
    assert interval.low * 1000 == pytest.approx(-2.65, abs=0.01)
    assert planted_t_interval(1000, 0.0, 0.0, 5.0).low == pytest.approx(5 * interval.low)


def test_one_example_or_none_says_nothing() -> None:
    for n, mean, sd in ((0, math.nan, math.nan), (1, 0.0, math.nan), (2, 0.0, 0.0)):
        interval = planted_t_interval(n, mean, sd, 1.0)
        assert (interval.low, interval.high) == (-1, 1)
    assert planted_t_p_harm(0, math.nan, math.nan, 1.0, 0.0) == 1
    assert planted_t_p_harm(5, 1.0, 0.0, 1.0, 0.5) == 1
    assert t_interval(1, 0.3, math.nan).low == -math.inf


def test_arrays_give_what_scalars_give() -> None:
    n, mean, sd, reach = np.array([0, 1, 2, 50]), np.array([math.nan, 0.2, -0.1, 0.01]), np.array([math.nan, math.nan, 0.1, 0.2]), 1.0
    interval = planted_t_interval(n, mean, sd, reach)
    for i in range(4):
        one = planted_t_interval(int(n[i]), float(mean[i]), float(sd[i]), reach)
        assert (interval.low[i], interval.high[i]) == (one.low, one.high)


@pytest.mark.parametrize(("n", "mean", "sd", "reach"), [(5, 0, -1, 1), (5, 0, 1, -1), (-5, 0, 1, 1), (5, math.nan, 1, 1)])
def test_impossible_arguments_are_refused(n: float, mean: float, sd: float, reach: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        planted_t_interval(n, mean, sd, reach)


def false_pass(samples: np.ndarray, margin: float) -> float:
    n = samples.shape[1]
    interval = planted_t_interval(np.full(len(samples), n), samples.mean(1), samples.std(1, ddof=1), 1.0)
    return float((interval.low > -margin).mean())


def bca_false_pass(samples: np.ndarray, margin: float) -> float:
    passed = 0
    for i, row in enumerate(samples):
        result = bca(lambda weights, row=row: weights @ row / weights.sum(1), np.ones(len(row)), resamples=1000, seed=i)
        passed += result.low > -margin
    return passed / len(samples)


def f1_like(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Differences of token overlap: mostly nothing, some small noise either way, now and then nearly all is lost."""
    kind = rng.random(shape)
    small, large = rng.uniform(-0.3, 0.3, shape), -rng.beta(4, 1.5, shape)
    samples = np.where(kind < 0.75, 0.0, np.where(kind < 0.95, small, large))
    return samples, 0.05 * 4 / 5.5


@pytest.mark.parametrize("n", [30, 100])
def test_false_pass_on_scores_with_rare_large_losses(n: int) -> None:
    samples, true_drop = f1_like(np.random.default_rng(n), (20_000, n))
    assert false_pass(samples, true_drop) <= 0.02


def test_false_pass_with_rare_total_losses() -> None:
    samples = -(np.random.default_rng(1).random((20_000, 30)) < 0.03).astype(float)
    assert false_pass(samples, 0.03) == 0


@pytest.mark.slow
def test_bca_passes_what_the_planted_t_holds_back() -> None:
    rng = np.random.default_rng(5)
    total_losses = -(rng.random((1000, 30)) < 0.03).astype(float)
    assert bca_false_pass(total_losses, 0.03) == pytest.approx(0.40, abs=0.05)
    samples, true_drop = f1_like(rng, (1000, 30))
    assert bca_false_pass(samples, true_drop) > 0.08
    samples, true_drop = f1_like(rng, (600, 100))
    assert bca_false_pass(samples, true_drop) > 0.05

"""DeLong against the double loop of the definition, scikit-learn, scipy, and simulated error rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from harness.errors import MeasurementError
from harness.stats import delong

rows = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.booleans()), min_size=4, max_size=40).filter(
    lambda rows: 2 <= sum(row[2] for row in rows) <= len(rows) - 2
)


def by_definition(scores: np.ndarray, positive: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Area, and each positive's and each negative's mean kernel value, one pair at a time."""
    kernel = np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in scores[~positive]] for x in scores[positive]])
    return float(kernel.mean()), kernel.mean(1), kernel.mean(0)


@given(rows)
def test_is_that_of_the_definition(rows: list[tuple[int, int, bool]]) -> None:
    original, candidate, positive = (np.array(column) for column in zip(*rows, strict=True))
    result = delong(original, candidate, positive)
    area_o, v10_o, v01_o = by_definition(original, positive)
    area_c, v10_c, v01_c = by_definition(candidate, positive)
    cov10, cov01 = np.cov(v10_o, v10_c), np.cov(v01_o, v01_c)
    contrast = np.array([-1, 1])
    variance = contrast @ (cov10 / positive.sum() + cov01 / (~positive).sum()) @ contrast
    assert (result.original, result.candidate) == pytest.approx((area_o, area_c))
    assert result.se == pytest.approx(np.sqrt(max(variance, 0)), abs=1e-7)
    assert result.df == min(positive.sum(), (~positive).sum()) - 1


@given(rows)
def test_areas_are_those_of_scikit_learn_and_swapping_flips_signs(rows: list[tuple[int, int, bool]]) -> None:
    original, candidate, positive = (np.array(column) for column in zip(*rows, strict=True))
    result, swapped = delong(original, candidate, positive), delong(candidate, original, positive)
    assert result.original == pytest.approx(roc_auc_score(positive, original))
    assert result.candidate == pytest.approx(roc_auc_score(positive, candidate))
    assert (result.low, result.high) == pytest.approx((-swapped.high, -swapped.low))
    assert result.low <= result.difference == pytest.approx(result.candidate - result.original)


def test_interval_and_p_are_those_of_t() -> None:
    rng = np.random.default_rng(0)
    positive = np.arange(60) < 12
    original = rng.normal(size=60) + positive
    result = delong(original, original + rng.normal(size=60) / 2, positive)
    distribution = stats.t(11)
    assert result.low == pytest.approx(result.difference - distribution.ppf(0.95) * result.se)
    assert result.p_harm(0.0) == pytest.approx(distribution.cdf(result.difference / result.se))
    assert result.p_harm(result.high) == pytest.approx(0.05)


def test_equal_ranks_leave_no_spread() -> None:
    positive = np.arange(20) < 8
    scores = np.random.default_rng(1).normal(size=20)
    result = delong(scores, np.exp(scores), positive)
    assert (result.difference, result.se, result.low, result.high) == (0, 0, 0, 0)
    assert (result.p_harm(0.0), result.p_harm(-0.1), result.p_harm(0.1)) == (0.5, 1, 0)


def test_one_class_only_is_not_estimable_and_nan_is_refused() -> None:
    with pytest.raises(MeasurementError, match="smaller class has 1 example"):
        delong(np.arange(5), np.arange(5), np.arange(5) < 1)
    with pytest.raises(ValueError, match="NaN"):
        delong(np.array([0.1, np.nan, 0.3, 0.4]), np.arange(4), np.arange(4) < 2)


def binormal_false_pass(positives: int, shifts: tuple[float, float], reps: int) -> tuple[float, float]:
    """P(PASS) by the plain and by the planted interval, for binormal scores whose true areas differ by exactly the margin."""
    rng = np.random.default_rng(positives)
    positive = np.arange(300) < positives
    margin = stats.norm.cdf(shifts[0] / np.sqrt(2)) - stats.norm.cdf(shifts[1] / np.sqrt(2))
    plain, planted = 0, 0
    for _ in range(reps):
        shared, own = rng.normal(size=300), rng.normal(size=300)
        result = delong(shared + shifts[0] * positive, 0.8 * shared + 0.6 * own + shifts[1] * positive, positive)
        plain, planted = plain + (result.low > -margin), planted + (result.planted.low > -margin)
    return plain / reps, planted / reps


@pytest.mark.parametrize("positives", [5, 10, 30])
def test_false_pass_with_few_positives(positives: int) -> None:
    plain, planted = binormal_false_pass(positives, (1.0, 0.9), 2000)
    assert 0.02 <= plain <= 0.07
    assert planted <= 0.05


@pytest.mark.parametrize("positives", [5, 10, 30])
def test_the_planted_interval_holds_where_the_classes_hardly_overlap(positives: int) -> None:
    plain, planted = binormal_false_pass(positives, (2.5, 2.2), 1000)
    assert plain > 0.07
    assert planted <= 0.05


@pytest.mark.parametrize(("positives", "lost"), [(30, 0.02), (100, 0.05)])
def test_the_planted_interval_holds_when_single_examples_are_lost(positives: int, lost: float) -> None:
    rng = np.random.default_rng(positives)
    positive = np.arange(400) < positives
    margin = lost * stats.norm.cdf(2 / np.sqrt(2))
    plain, planted, reps = 0, 0, 1000
    for _ in range(reps):
        original = rng.normal(size=400) + 2 * positive
        result = delong(original, np.where(positive & (rng.random(400) < lost), -10, original), positive)
        plain, planted = plain + (result.low > -margin), planted + (result.planted.low > -margin)
    assert plain / reps > 0.10
    assert planted / reps <= 0.07


def test_planted_is_the_interval_with_one_worst_case_more() -> None:
    rng = np.random.default_rng(9)
    positive = np.arange(50) < 10
    original, candidate = rng.normal(size=50) + positive, rng.normal(size=50) + positive
    _, v10_o, v01_o = by_definition(original, positive)
    _, v10_c, v01_c = by_definition(candidate, positive)
    with_worst = np.append(v10_c - v10_o, -1)
    error = np.sqrt(with_worst.var(ddof=1) / 11 + (v01_c - v01_o).var(ddof=1) / 40)
    result = delong(original, candidate, positive)
    assert result.planted.low == pytest.approx(with_worst.mean() - stats.t.ppf(0.95, 10) * error)
    mirrored = delong(-original, -candidate, ~positive)
    assert mirrored.planted.low == pytest.approx(result.planted.low)
    unchanged = delong(original, original, positive).planted
    assert (unchanged.low, unchanged.high) == pytest.approx((-(1 + stats.t.ppf(0.95, 10)) / 11, (1 + stats.t.ppf(0.95, 10)) / 11))

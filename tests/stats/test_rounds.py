"""Rounds: the published planning table, scipy and statsmodels as references, and error rates by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.stats import provable_factor, proving_power, round_ratio, rounds_needed, trend

LOGS = st.lists(st.floats(-3, 3), min_size=5, max_size=30).map(np.array)


@pytest.mark.parametrize(("rounds", "published"), [(5, 1.36), (6, 1.19), (8, 0.98), (10, 0.86), (15, 0.68), (20, 0.58)])
def test_the_published_table_of_provable_margins(rounds: int, published: float) -> None:
    """Rounded up to two digits, as a margin that has to be provable is."""
    assert math.ceil(provable_factor(rounds) * 100) / 100 == published


@given(LOGS.filter(lambda logs: logs.std() > 1e-6), st.sampled_from([0.8, 0.9, 0.95]))
def test_the_interval_is_that_of_scipys_one_sample_t(logs: np.ndarray, level: float) -> None:
    found = round_ratio(logs, level)
    expected = stats.ttest_1samp(logs, 0).confidence_interval(level)
    assert (math.log(found.low), math.log(found.high)) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found.ratio == pytest.approx(stats.gmean(np.exp(logs)))


@given(LOGS)
def test_exchanging_the_models_inverts_the_ratio(logs: np.ndarray) -> None:
    one, other = round_ratio(logs), round_ratio(-logs)
    assert (other.ratio, other.low, other.high) == pytest.approx((1 / one.ratio, 1 / one.high, 1 / one.low), rel=1e-9)


def test_fewer_than_five_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 5 rounds, not 4"):
        round_ratio(np.zeros(4))


def test_rounds_that_do_not_differ_have_no_width() -> None:
    found = round_ratio(np.full(5, math.log(1.25)))
    assert (found.low, found.ratio, found.high) == pytest.approx((1.25, 1.25, 1.25))
    assert trend(np.full(5, 0.3)).p == 1.0


@given(LOGS.filter(lambda logs: logs.std() > 1e-3))
def test_the_trend_is_that_of_scipys_regression(logs: np.ndarray) -> None:
    expected = stats.linregress(np.arange(len(logs)), logs)
    found = trend(logs)
    assert found.change == pytest.approx(expected.slope * (len(logs) - 1), abs=1e-9)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-6)


@pytest.mark.parametrize("rounds", [5, 8, 20])
def test_the_power_is_what_simulation_gives(rounds: int) -> None:
    logs = np.random.default_rng(rounds).normal(0, 1, (50_000, rounds))
    half = stats.t.ppf(0.95, rounds - 1) * logs.std(axis=1, ddof=1) / math.sqrt(rounds)
    for distance in (0.3, 0.8, provable_factor(rounds)):
        simulated = float(np.mean(logs.mean(axis=1) + half < distance))
        assert proving_power(rounds, distance) == pytest.approx(simulated, abs=0.01)
    assert proving_power(rounds, provable_factor(rounds)) == pytest.approx(0.8)


@given(st.floats(1e-4, 1.0), st.floats(1e-4, 1.0))
def test_the_rounds_needed_are_the_fewest_that_suffice(distance: float, spread: float) -> None:
    needed = rounds_needed(distance, spread)
    if needed is None:
        assert provable_factor(10_000) * spread > distance
        return
    assert provable_factor(needed) * spread <= distance
    assert needed == 5 or provable_factor(needed - 1) * spread > distance


def test_no_number_of_rounds_proves_what_is_not_so() -> None:
    assert rounds_needed(0.0, 0.01) is None
    assert rounds_needed(-0.1, 0.01) is None

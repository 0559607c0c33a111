"""Intervals of one proportion against scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from harness.stats import clopper_pearson_lower, clopper_pearson_upper, wilson_interval

shares = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(shares, st.sampled_from([0.8, 0.9, 0.95]))
def test_wilson_is_that_of_statsmodels(share: tuple[int, int], level: float) -> None:
    low, high = proportion_confint(*share, alpha=1 - level, method="wilson")
    interval = wilson_interval(*share, level=level)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-10)


@given(shares, st.sampled_from([0.9, 0.95, 0.99]))
def test_clopper_pearson_is_that_of_scipy(share: tuple[int, int], level: float) -> None:
    k, n = share
    exact = stats.binomtest(k, n, alternative="less").proportion_ci(level, "exact")
    assert clopper_pearson_upper(k, n, level) == pytest.approx(exact.high, abs=1e-9)
    exact = stats.binomtest(k, n, alternative="greater").proportion_ci(level, "exact")
    assert clopper_pearson_lower(k, n, level) == pytest.approx(exact.low, abs=1e-9)


def test_rule_of_three_and_nothing() -> None:
    assert clopper_pearson_upper(0, 1000) == pytest.approx(1 - 0.05 ** (1 / 1000))
    assert clopper_pearson_upper(0, 0) == 1
    assert clopper_pearson_lower(0, 0) == 0
    interval = wilson_interval(np.array([0, 3]), np.array([0, 3]))
    assert (interval.low[0], interval.high[0], interval.high[1]) == (0, 1, 1)


def test_more_successes_than_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="more successes"):
        wilson_interval(4, 3)

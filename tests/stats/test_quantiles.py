"""Intervals of a quantile from the ordered values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from harness.stats import quantile_interval


def test_a_median_between_ordered_values_by_hand() -> None:
    """Of 10 values at most one lies below the median with 11/1024 = 1.1 %, at most two with 56/1024 = 5.5 %."""
    assert (quantile_interval(np.arange(1, 11), 0.5, 0.95).low, quantile_interval(np.arange(1, 11), 0.5, 0.95).high) == (2, 9)
    assert quantile_interval(np.arange(1, 11)[::-1], 0.5, 0.89).low == 3


def test_an_upper_limit_of_the_99th_percentile_takes_299_values() -> None:
    assert quantile_interval(np.arange(299), 0.99).high == 298
    assert quantile_interval(np.arange(298), 0.99).high == np.inf
    assert quantile_interval(np.arange(1), 0.99).low == 0
    assert quantile_interval(np.arange(1), 0.5).low == -np.inf


@given(st.integers(1, 400), st.sampled_from([0.1, 0.5, 0.9, 0.99]), st.sampled_from([0.8, 0.9, 0.95]))
def test_each_limit_errs_at_most_as_often_as_allowed_and_the_next_value_more_often(n: int, share: float, level: float) -> None:
    """The quantile lies below the l-th value when fewer than l values do: P(X ≤ l − 1) of the binomial distribution."""
    found, alpha = quantile_interval(np.arange(1, n + 1), share, level), (1 - level) / 2
    low, high = max(found.low, 0.0), min(found.high, n + 1.0)
    assert low == 0 or binom.cdf(low - 1, n, share) <= alpha + 1e-12
    assert low == n or binom.cdf(low, n, share) > alpha - 1e-12
    assert high == n + 1 or binom.sf(high - 1, n, share) <= alpha + 1e-12
    assert high == 1 or binom.sf(high - 2, n, share) > alpha - 1e-12


def test_an_impossible_level_is_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        quantile_interval(np.arange(3), 0.5, 1.0)

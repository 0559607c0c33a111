"""Exact limits of percentiles: enumerated binomials, published sample sizes, and coverage by simulation."""

from __future__ import annotations

from itertools import count
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import fewest_for_upper_limit, quantile_lower_limit, quantile_upper_limit

QUANTILES = st.sampled_from([0.5, 0.9, 0.95, 0.99])


@pytest.mark.parametrize(("q", "fewest"), [(0.99, 299), (0.95, 59), (0.90, 29), (0.50, 5)])
def test_the_published_sample_sizes_of_one_sided_tolerance_limits(q: float, fewest: int) -> None:
    """299, 59 and 29 stand in every table of Wilks' method (95 % confidence)."""
    assert fewest_for_upper_limit(q) == fewest
    values = np.random.default_rng(0).normal(size=fewest)
    assert quantile_upper_limit(values, q) == values.max()
    assert quantile_upper_limit(values[1:], q) is None


@given(st.integers(1, 120), QUANTILES)
def test_the_rank_is_the_first_with_enough_binomial_mass(n: int, q: float) -> None:
    ranks = np.arange(1.0, n + 1)
    mass = 0.0
    expected = None
    for rank in count(1):
        if rank > n:
            break
        mass += comb(n, rank - 1) * q ** (rank - 1) * (1 - q) ** (n - rank + 1)
        if mass >= 0.95:
            expected = float(rank)
            break
    assert quantile_upper_limit(ranks, q) == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), QUANTILES)
def test_limits_are_mirror_images_and_in_order(values: list[float], q: float) -> None:
    array = np.array(values)
    low, high = quantile_lower_limit(array, q), quantile_upper_limit(array, q)
    mirrored = quantile_upper_limit(-array, 1 - q)
    assert low == (None if mirrored is None else -mirrored)
    if low is not None and high is not None:
        assert low <= high


@pytest.mark.parametrize(("n", "q"), [(60, 0.95), (300, 0.99), (500, 0.99), (100, 0.5)])
def test_the_confidence_is_at_least_95_per_cent(n: int, q: float) -> None:
    samples = np.random.default_rng(n).random((4_000, n))
    upper = [quantile_upper_limit(sample, q) for sample in samples]
    lower = [quantile_lower_limit(sample, q) for sample in samples]
    assert np.mean([limit is not None and limit >= q for limit in upper]) >= 0.94
    assert np.mean([limit is not None and limit <= q for limit in lower]) >= 0.94


@pytest.mark.parametrize("q", [0.0, 1.0, -0.1])
def test_a_quantile_lies_between_0_and_1(q: float) -> None:
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        quantile_upper_limit(np.arange(10.0), q)

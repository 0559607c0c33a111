"""Tango's interval: published values, brute force, exact coverage, and what must hold for every table."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from harness.stats import tango_interval, tango_p_harm, tango_score
from tests.stats.enumeration import Tables

counts = st.integers(0, 400)
tables = st.tuples(counts, counts, counts, counts).filter(lambda cells: sum(cells) > 0)
levels = st.sampled_from([0.8, 0.9, 0.95, 0.99])


def wald_interval(a: float, b: float, c: float, d: float, level: float) -> tuple[float, float]:
    """The interval this harness does not use."""
    n = a + b + c + d
    delta = (b - c) / n
    half = stats.norm.ppf((1 + level) / 2) * math.sqrt(b + c - (b - c) ** 2 / n) / n
    return delta - half, delta + half


def constrained_score(b: float, c: float, n: float, delta: float) -> float:
    """The score statistic with the constrained maximum found by a search instead of a formula."""
    rest = n - b - c

    def log_likelihood(q: float) -> float:
        parts = [(b, q + delta), (c, q), (rest, 1 - 2 * q - delta)]
        return (
            sum(count * math.log(p) if count else 0.0 for count, p in parts if not (count and p <= 0))
            if all(p > 0 or not count for count, p in parts)
            else -math.inf
        )

    low, high = max(0.0, -delta), (1 - delta) / 2
    found = optimize.minimize_scalar(lambda q: -log_likelihood(q), bounds=(low, high), method="bounded", options={"xatol": 1e-14})
    q = max([low, high, float(found.x)], key=log_likelihood)
    return (b - c - n * delta) / math.sqrt(n * (2 * q + delta - delta * delta))


@pytest.mark.parametrize(
    ("cells", "level", "low", "high"),
    [
        ((43, 0, 1, 0), 0.90, -0.096, 0.037),  # Tango 1998
        ((4, 9, 3, 16), 0.95, -0.027, 0.390),  # Tango 1998
        ((1, 1, 7, 12), 0.95, -0.517, -0.026),  # Fagerland et al. 2014
        ((53, 16, 8, 9), 0.95, -0.020, 0.207),  # Agresti and Min 2005
    ],
)
def test_published_values(cells: tuple[int, ...], level: float, low: float, high: float) -> None:
    interval = tango_interval(*cells, level=level)
    assert (round(interval.low, 3), round(interval.high, 3)) == (low, high)


def test_wald_is_another_interval() -> None:
    low, high = wald_interval(1, 1, 7, 12, 0.95)
    assert (round(low, 3), round(high, 3)) == (-0.520, -0.052)  # Fagerland et al. 2014
    assert tango_interval(1, 1, 7, 12, level=0.95).high - high > 0.02


def test_no_flips_is_no_proof() -> None:
    assert wald_interval(10, 0, 0, 0, 0.90) == (0, 0)
    interval = tango_interval(10, 0, 0, 0)
    assert (interval.low, interval.high) == pytest.approx((-0.213, 0.213), abs=5e-4)
    assert tango_interval(10, 0, 0, 0, level=0.95).high == pytest.approx(0.278, abs=5e-4)
    assert tango_interval(133, 0, 0, 0).low > -0.02 > tango_interval(132, 0, 0, 0).low


def test_closed_forms() -> None:
    z2 = stats.norm.ppf(0.95) ** 2
    interval = tango_interval(60, 0, 0, 40)
    assert interval.high == pytest.approx(z2 / (100 + z2), abs=1e-12)
    everything_lost = tango_interval(0, 0, 30, 0)
    assert everything_lost.low == -1
    assert everything_lost.high == pytest.approx((z2 - 30) / (z2 + 30), abs=1e-12)


@given(tables, levels)
def test_limits_solve_the_score_equation_found_by_brute_force(cells: tuple[int, ...], level: float) -> None:
    _a, b, c, _d = cells
    n = sum(cells)
    z = stats.norm.ppf((1 + level) / 2)
    interval = tango_interval(*cells, level=level)
    for limit, side in ((interval.low, z), (interval.high, -z)):
        if -1 < limit < 1:
            assert constrained_score(b, c, n, limit) == pytest.approx(side, abs=2e-5)
            assert tango_score(b, c, n, limit) == pytest.approx(side, abs=1e-10)


@given(tables, st.floats(-0.99, 0.99))
def test_score_is_that_of_brute_force(cells: tuple[int, ...], delta: float) -> None:
    _a, b, c, _d = cells
    assume(abs(delta) > 1e-6 or b + c > 0)
    assert tango_score(b, c, sum(cells), delta) == pytest.approx(constrained_score(b, c, sum(cells), delta), rel=1e-5, abs=1e-5)


@given(tables, levels)
def test_swapping_the_models_flips_signs(cells: tuple[int, ...], level: float) -> None:
    a, b, c, d = cells
    one, other = tango_interval(a, b, c, d, level=level), tango_interval(a, c, b, d, level=level)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-13)


@given(counts, counts, counts, levels)
def test_as_much_gained_as_lost_is_symmetric(a: int, b: int, d: int, level: float) -> None:
    assume(a + b + d > 0)
    interval = tango_interval(a, b, b, d, level=level)
    assert interval.low == pytest.approx(-interval.high, abs=1e-13)


@given(tables, levels)
def test_leaves_out_zero_exactly_when_mcnemars_chi_square_rejects(cells: tuple[int, ...], level: float) -> None:
    _a, b, c, _d = cells
    assume(b + c > 0)
    chi_square = (b - c) ** 2 / (b + c)
    critical = stats.chi2.ppf(level, 1)
    assume(abs(chi_square - critical) > 1e-9)
    interval = tango_interval(*cells, level=level)
    assert (interval.low > 0 or interval.high < 0) == (chi_square > critical)


@given(tables, levels)
def test_lies_within_one_and_holds_the_observed_difference(cells: tuple[int, ...], level: float) -> None:
    _a, b, c, _d = cells
    interval = tango_interval(*cells, level=level)
    assert -1 <= interval.low <= (b - c) / sum(cells) <= interval.high <= 1
    assert interval.low < interval.high


@given(tables)
def test_only_the_flips_and_the_total_matter(cells: tuple[int, ...]) -> None:
    a, b, c, d = cells
    assert tango_interval(a, b, c, d) == tango_interval(a + d, b, c, 0)


@pytest.mark.parametrize("n", [10**5, 10**7, 10**9])
def test_meets_wald_for_large_n(n: int) -> None:
    b, c = 0.03 * n, 0.05 * n
    interval = tango_interval(0.8 * n, b, c, 0.12 * n)
    low, high = wald_interval(0.8 * n, b, c, 0.12 * n, 0.90)
    width = high - low
    assert abs(interval.low - low) / width < 3 / math.sqrt(n)
    assert abs(interval.high - high) / width < 3 / math.sqrt(n)


@settings(max_examples=25)
@given(st.lists(st.tuples(*[st.floats(0, 300)] * 4), min_size=1, max_size=40))
def test_arrays_give_what_scalars_give(rows: list[tuple[float, ...]]) -> None:
    interval = tango_interval(*np.array(rows).T)
    for row, low, high in zip(rows, interval.low, interval.high, strict=True):
        expected = tango_interval(*row) if sum(row) > 0 else None
        if expected:
            assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
        else:
            assert (low, high) == (-1, 1)


def test_scalars_give_floats_and_arrays_arrays() -> None:
    assert type(tango_interval(5, 1, 1, 2).low) is float
    interval = tango_interval(np.array([5, 0]), np.array([1, 0]), np.array([1, 0]), np.array([2, 0]))
    assert interval.low.shape == (2,)
    assert (interval.low[1], interval.high[1]) == (-1, 1)


def test_counts_divided_by_a_design_effect_widen_the_interval() -> None:
    plain, divided = tango_interval(80, 5, 9, 6), tango_interval(80 / 2.5, 5 / 2.5, 9 / 2.5, 6 / 2.5)
    assert divided.low < plain.low < plain.high < divided.high


@pytest.mark.parametrize("cells", [(-1, 0, 2, 5), (3, math.nan, 1, 1), (3, math.inf, 1, 1)])
def test_impossible_counts_are_refused(cells: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="zero or more and finite"):
        tango_interval(*cells)


def test_no_examples_and_no_level_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one example"):
        tango_interval(0, 0, 0, 0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        tango_interval(1, 2, 3, 4, level=95)


@given(tables, st.floats(-0.5, 0.5))
def test_p_of_harm_agrees_with_the_upper_limit(cells: tuple[int, ...], delta: float) -> None:
    _a, b, c, _d = cells
    interval = tango_interval(*cells)
    assume(abs(interval.high - delta) > 1e-9)
    assert (tango_p_harm(b, c, sum(cells), delta) < 0.05) == (interval.high < delta)


def test_p_of_harm_without_evidence() -> None:
    assert tango_p_harm(0, 0, 0, -0.02) == 1
    assert tango_p_harm(0, 0, 50, 0.0) == 0.5
    assert tango_p_harm(0, 50, 50, -1.0) == 0.5
    assert list(tango_p_harm(np.array([0, 0]), np.array([0, 9]), np.array([0, 9]), 0.0)) == pytest.approx([1, stats.norm.cdf(-3)])


def exact_coverage(n: int, level: float) -> float:
    """The worst over a grid of true flip rates and shares of losses."""
    tables = Tables.of(n)
    interval = tango_interval(tables.same, tables.gained, tables.lost, np.zeros(len(tables.lost)), level=level)
    worst = 1.0
    for flips in (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0):
        for share in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0):
            gain, loss = flips * (1 - share), flips * share
            held = (interval.low <= gain - loss + 1e-12) & (gain - loss <= interval.high + 1e-12)
            worst = min(worst, float(tables.probabilities(gain, loss)[held].sum()))
    return worst


@pytest.mark.parametrize("n", [50, 100, 133, 150, 200])
def test_exact_coverage_of_a_95_percent_interval(n: int) -> None:
    assert exact_coverage(n, 0.95) >= 0.93


@pytest.mark.parametrize("n", [5, 10, 15, 20, 30])
def test_exact_coverage_with_few_examples_where_nearly_everything_flips(n: int) -> None:
    assert exact_coverage(n, 0.95) >= 0.91


@pytest.mark.slow
@pytest.mark.parametrize("n", [300, 400])
def test_exact_coverage_of_larger_sets(n: int) -> None:
    assert exact_coverage(n, 0.95) >= 0.93

"""The paired ratio against brute force, statsmodels and exact error rates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.proportion import _confint_riskratio_paired_nam as statsmodels_nam

from harness.stats import nam_blackwelder_interval, nam_blackwelder_p_harm
from tests.stats.enumeration import cell_probabilities, paired_cells

counts = st.integers(0, 300)
tables = st.tuples(counts, counts, counts, counts).filter(lambda cells: sum(cells[:3]) > 0)


def constrained_score(a: float, b: float, c: float, d: float, ratio: float) -> float:
    """The score statistic with the constrained maximum found by nested searches over all four cells."""

    def cells(original: float, lost: float) -> tuple[float, ...]:
        return original - lost, ratio * original - original + lost, lost, 1 - ratio * original - lost

    def log_likelihood(original: float, lost: float) -> float:
        total = 0.0
        for count, p in zip((a, b, c, d), cells(original, lost), strict=True):
            if count and p <= 0:
                return -math.inf
            total += count * math.log(p) if count else 0.0
        return total

    def best_lost(original: float) -> float:
        low, high = max(0.0, original * (1 - ratio)), min(original, 1 - ratio * original)
        found = optimize.minimize_scalar(
            lambda x: -log_likelihood(original, x), bounds=(low, high), method="bounded", options={"xatol": 1e-13}
        )
        return max([low, high, float(found.x)], key=lambda x: log_likelihood(original, x))

    # For each share the original gets right, the best share of losses; both searches are over a concave function.
    most = min(1.0, 1 / ratio)
    outer = optimize.minimize_scalar(
        lambda x: -log_likelihood(x, best_lost(x)), bounds=(1e-12, most), method="bounded", options={"xatol": 1e-13}
    )
    original = max([most, float(outer.x)], key=lambda x: log_likelihood(x, best_lost(x)))
    _, gained, lost, _ = cells(original, best_lost(original))
    n = a + b + c + d
    return (a + b - ratio * (a + c)) / math.sqrt(n * ratio * (gained + lost))


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.integers(1, 120)] * 4), st.sampled_from([0.9, 0.95]))
def test_limits_solve_the_score_equation_found_by_brute_force(cells: tuple[int, ...], level: float) -> None:
    z = stats.norm.ppf((1 + level) / 2)
    interval = nam_blackwelder_interval(*cells, level=level)
    assert constrained_score(*cells, interval.low) == pytest.approx(z, abs=1e-3)
    assert constrained_score(*cells, interval.high) == pytest.approx(-z, abs=1e-3)


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.integers(0, 50), st.integers(0, 20), st.integers(0, 20), st.integers(0, 30)), st.floats(0.3, 3))
def test_p_of_harm_is_that_of_brute_force_with_empty_cells_too(cells: tuple[int, ...], ratio: float) -> None:
    a, b, c, _d = cells
    assume(a + b + c > 0)
    assume(abs(ratio - 1) > 0.02)
    expected = stats.norm.cdf(constrained_score(*cells, ratio))
    assert nam_blackwelder_p_harm(*cells, ratio) == pytest.approx(expected, abs=2e-4)


@given(st.tuples(*[st.integers(1, 300)] * 4), st.sampled_from([0.9, 0.95]))
def test_limits_are_those_of_statsmodels(cells: tuple[int, ...], level: float) -> None:
    a, b, c, d = cells
    expected = np.real(statsmodels_nam(np.array([[a, b], [c, d]]), alpha=1 - level).confint)
    interval = nam_blackwelder_interval(a, b, c, d, level=level)
    assert (interval.low, interval.high) == pytest.approx(tuple(expected), rel=1e-5)


@given(tables)
def test_swapping_the_models_inverts_the_ratio(cells: tuple[int, ...]) -> None:
    a, b, c, d = cells
    one, other = nam_blackwelder_interval(a, b, c, d), nam_blackwelder_interval(a, c, b, d)
    assert one.low == pytest.approx(1 / other.high if other.high else math.inf, rel=1e-9)
    assert one.low <= ((a + b) / (a + c) if a + c else math.inf) <= one.high


@given(tables, st.floats(0.2, 5))
def test_p_of_harm_agrees_with_the_upper_limit(cells: tuple[int, ...], ratio: float) -> None:
    interval = nam_blackwelder_interval(*cells)
    assume(abs(interval.high - ratio) > 1e-9)
    assert (nam_blackwelder_p_harm(*cells, ratio) < 0.05) == (interval.high < ratio)


def test_closed_form_without_flips() -> None:
    z2 = stats.norm.ppf(0.95) ** 2
    interval = nam_blackwelder_interval(90, 0, 0, 10)
    assert interval.low == pytest.approx(1 - z2 / (90 + z2), abs=1e-12)
    assert interval.high == pytest.approx(1 + z2 / 90, abs=1e-12)


def test_nothing_to_compare() -> None:
    interval = nam_blackwelder_interval(0, 0, 0, 7)
    assert (interval.low, interval.high) == (0, math.inf)
    assert nam_blackwelder_p_harm(0, 0, 0, 7, 0.98) == 1
    assert nam_blackwelder_interval(0, 4, 0, 7).high == math.inf
    with pytest.raises(ValueError, match="at least one example"):
        nam_blackwelder_interval(0, 0, 0, 0)
    with pytest.raises(ValueError, match="lost"):
        nam_blackwelder_interval(3, 0, -2, 0)


def test_arrays_give_what_scalars_give() -> None:
    rng = np.random.default_rng(3)
    cells = rng.multinomial(rng.integers(1, 200, 100), [0.7, 0.05, 0.1, 0.15])
    interval = nam_blackwelder_interval(*cells.T)
    for row, low, high in zip(cells, interval.low, interval.high, strict=True):
        one = nam_blackwelder_interval(*row.tolist())
        assert (low, high) == pytest.approx((one.low, one.high), rel=1e-12)


def test_exact_false_pass_at_the_margin_and_walds() -> None:
    n = 100
    cells = paired_cells(n)
    a, b, c, _ = cells
    interval = nam_blackwelder_interval(*cells)
    score, wald = 0.0, 0.0
    for ratio in (0.98, 0.95, 0.9):
        mean = (a + b - ratio * (a + c)) / n
        variance = np.maximum(((1 - ratio) ** 2 * a + b + ratio**2 * c) / n - mean**2, 0)
        wald_passes = mean - 1.6449 * np.sqrt(variance / n) > 0
        for original in (0.2, 0.4, 0.6, 0.8, 0.9, 0.95):
            for gain in (0.0, 0.01, 0.02, 0.05, 0.1):
                both = ratio * original - gain
                shares = (both, gain, original - both, 1 - original - gain)
                if min(shares) < 0:
                    continue
                chance = cell_probabilities(cells, shares)
                score, wald = max(score, chance[interval.low > ratio].sum()), max(wald, chance[wald_passes].sum())
    assert score <= 0.054
    assert wald > 0.30

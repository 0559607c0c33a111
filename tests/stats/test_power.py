"""The exact planner against full enumeration, the published table, and the exact error rates of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats import chances, detection_power, observed_false_alarm, power_binary, smallest_provable_margin, tango_interval
from tests.stats.enumeration import Tables

MARGIN = 0.02


def by_enumeration(n: int, gain: float, loss: float, margin: float) -> tuple[float, float]:
    """P(PASS) and P(FAIL), one interval for every possible table."""
    tables = Tables.of(n)
    interval = tango_interval(tables.same, tables.gained, tables.lost, np.zeros(len(tables.lost)))
    chance = tables.probabilities(gain, loss)
    return float(chance[interval.low > -margin].sum()), float(chance[interval.high < -margin].sum())


@settings(max_examples=40)
@given(st.integers(1, 120), st.floats(0, 0.5), st.floats(0, 0.5), st.sampled_from([0.0, 0.01, 0.02, 0.1, 0.4]))
def test_is_full_enumeration(n: int, gain: float, loss: float, margin: float) -> None:
    found = chances(n, gain, loss, margin)
    assert (found.passing, found.failing) == pytest.approx(by_enumeration(n, gain, loss, margin), abs=1e-9)
    assert found.inconclusive == pytest.approx(1 - found.passing - found.failing, abs=1e-12)


@pytest.mark.parametrize(("gain", "loss"), [(0.025, 0.025), (0.0, 0.02), (0.01, 0.05)])
def test_is_full_enumeration_at_a_real_size(gain: float, loss: float) -> None:
    found = chances(400, gain, loss, MARGIN)
    assert (found.passing, found.failing) == pytest.approx(by_enumeration(400, gain, loss, MARGIN), abs=1e-9)


@pytest.mark.parametrize(
    ("n", "percents"),
    [(300, ("68", "43", "28")), (1000, ("99", "87", "63")), (3000, ("100", "99.9", "96"))],
)
def test_published_chances_that_a_perfect_model_passes(n: int, percents: tuple[str, ...]) -> None:
    for flips, percent in zip((0.02, 0.05, 0.10), percents, strict=True):
        digits = 1 if "." in percent else 0
        assert round(100 * power_binary(n, flips, MARGIN), digits) == float(percent)


@pytest.mark.parametrize(("n", "points"), [(300, (2.4, 3.5, 4.7)), (1000, (1.2, 1.9, 2.6)), (3000, (0.7, 1.1, 1.5))])
def test_published_provable_margins_rounded_up(n: int, points: tuple[float, ...]) -> None:
    for flips, point in zip((0.02, 0.05, 0.10), points, strict=True):
        margin = smallest_provable_margin(n, flips)
        assert margin is not None
        assert point - 0.1 < 100 * margin <= point
        assert power_binary(n, flips, margin) >= 0.8 > power_binary(n, flips, margin - 1e-5)


def test_nothing_is_provable_with_one_example() -> None:
    assert smallest_provable_margin(1, 0.9) is None
    assert smallest_provable_margin(1, 0.0) is not None


def error_rates(sizes: range, flips_from: float = 0.0) -> tuple[float, float]:
    """The worst chance of PASS and of FAIL at a true drop of exactly the margin, over sizes and flip rates."""
    passing, failing = 0.0, 0.0
    for n in sizes:
        for gain in (0.0, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.04, 0.08, 0.2, 0.4):
            if 2 * gain + MARGIN >= flips_from:
                found = chances(n, gain, gain + MARGIN, MARGIN)
                passing, failing = max(passing, found.passing), max(failing, found.failing)
    return passing, failing


def test_false_pass_is_worst_at_133_examples_with_losses_only() -> None:
    worst = power_binary(133, 0.0, MARGIN, drop=MARGIN)
    assert worst == pytest.approx(0.98**133)
    assert round(100 * worst, 2) == 6.81
    passing, _ = error_rates(range(50, 400, 3))
    assert passing <= worst + 1e-12


def test_false_fail_at_the_margin() -> None:
    assert error_rates(range(50, 300, 2))[1] <= 0.10
    assert error_rates(range(300, 1200, 13))[1] <= 0.085


def test_both_errors_are_about_five_percent_when_a_tenth_flips() -> None:
    passing, failing = error_rates(range(100, 2000, 47), flips_from=0.10)
    assert 0.04 <= passing <= 0.06
    assert 0.04 <= failing <= 0.06


@pytest.mark.slow
def test_error_rates_over_all_sizes() -> None:
    sizes = [*range(50, 400), *range(400, 1500, 7), *range(1500, 6000, 97)]
    passing, failing = error_rates(sizes)
    assert passing == pytest.approx(0.98**133)
    assert failing <= 0.10


@pytest.mark.parametrize(("n", "published"), [(100, 26), (200, 19), (500, 8), (1000, 2)])
def test_comparing_two_numbers_raises_false_alarms(n: int, published: int) -> None:
    """The published figures lie between "exceeds" and "reaches or exceeds"; with ties counted half they agree."""
    exceeds, reaches = observed_false_alarm(n, 0.10, MARGIN), observed_false_alarm(n, 0.10, MARGIN - 1e-7)
    assert exceeds < published / 100 + 0.005
    assert reaches > published / 100 - 0.005
    assert 100 * (exceeds + reaches) / 2 == pytest.approx(published, abs=0.6)


@settings(max_examples=30)
@given(st.integers(1, 100), st.floats(0, 0.4), st.sampled_from([0.0, 0.01, 0.02, 0.05]), st.floats(0, 0.3))
def test_observed_rule_is_full_enumeration(n: int, flips: float, margin: float, drop: float) -> None:
    tables = Tables.of(n)
    chance = tables.probabilities(flips / 2, flips / 2 + drop)
    fires = tables.lost - tables.gained > n * margin + 1e-7
    assert observed_false_alarm(n, flips, margin, drop) == pytest.approx(chance[fires].sum(), abs=1e-9)


def test_a_model_at_the_margin_passes_the_observed_rule_half_the_time() -> None:
    for n in (200, 1000, 5000):
        assert observed_false_alarm(n, 0.10, MARGIN, drop=MARGIN) == pytest.approx(0.5, abs=0.06)


@given(st.integers(10, 2000), st.floats(0, 0.3), st.floats(0.001, 0.2))
def test_power_rises_with_the_margin_and_falls_with_the_drop(n: int, flips: float, margin: float) -> None:
    assert power_binary(n, flips, margin) <= power_binary(n, flips, margin * 1.5) + 1e-9
    assert power_binary(n, flips, margin, drop=margin) <= power_binary(n, flips, margin) + 1e-9
    assert detection_power(n, flips, margin, margin) <= detection_power(n, flips, margin, 2 * margin) + 1e-9


def test_a_gain_makes_passing_likelier() -> None:
    assert power_binary(300, 0.05, MARGIN, drop=-0.02) > power_binary(300, 0.05, MARGIN) > power_binary(300, 0.05, MARGIN, drop=0.01)
    assert power_binary(50, 0.9, MARGIN, drop=0.5) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda: power_binary(0, 0.05, 0.02),
        lambda: power_binary(10, 1.5, 0.02),
        lambda: power_binary(10, 0.05, -0.02),
        lambda: power_binary(10, 0.05, 0.02, drop=2),
        lambda: chances(10, -0.1, 0.2, 0.02),
        lambda: smallest_provable_margin(10, 0.05, power=80),
        lambda: observed_false_alarm(0, 0.05, 0.02),
    ],
)
def test_impossible_plans_are_refused(call) -> None:
    with pytest.raises(ValueError, match=r"example|share|zero or more"):
        call()

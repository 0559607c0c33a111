"""How many examples: the published numbers, and what they are for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import (
    can_ever_pass,
    detection_power,
    needed_to_pass,
    needs_more,
    power_binary,
    required_n,
    smallest_detectable_drop,
    tango_interval,
)


def test_published_numbers_needed_to_pass() -> None:
    assert [needed_to_pass(lost, 0.02) for lost in range(4)] == [133, 222, 300, 373]


@given(st.integers(0, 30), st.floats(0.002, 0.5))
def test_one_example_fewer_would_not_pass(lost: int, margin: float) -> None:
    n = needed_to_pass(lost, margin)
    assert tango_interval(n - lost, 0, lost, 0).low > -margin
    if n - 1 >= max(lost, 1):
        assert tango_interval(n - 1 - lost, 0, lost, 0).low <= -margin + 1e-12


def test_published_required_numbers() -> None:
    assert required_n(0.0, 0.02) == 133
    for flips, published in ((0.02, 425), (0.05, 837), (0.10, 1578), (0.20, 3105)):
        assert required_n(flips, 0.02) == pytest.approx(published, abs=1)


@pytest.mark.parametrize("flips", [0.02, 0.05, 0.10, 0.20])
@pytest.mark.parametrize("margin", [0.01, 0.02, 0.05])
def test_the_required_number_gives_about_80_percent(flips: float, margin: float) -> None:
    assert power_binary(int(required_n(flips, margin)), flips, margin) == pytest.approx(0.8, abs=0.05)


def test_needs_more_by_hand() -> None:
    # ψ = 6/302, m = 0.02: q = (ψ + 2m + √((ψ + 2m)² − 4ψm(1 + m)))/4, V₀ = 2q − m − m², N = ⌈(1.645√V₀ + 0.842√ψ)²/m²⌉ − 300
    psi, m = 6 / 302, 0.02
    q = (psi + 2 * m + ((psi + 2 * m) ** 2 - 4 * psi * m * (1 + m)) ** 0.5) / 4
    variance = 2 * q - m - m * m
    expected = (1.645 * variance**0.5 + 0.842 * psi**0.5) ** 2 / m**2 - 300
    assert needs_more(300, 3, 2, 0.02) == pytest.approx(expected, abs=1)


def test_an_observed_drop_of_the_margin_is_not_a_matter_of_more_examples() -> None:
    assert needs_more(100, 0, 2, 0.02) is None
    assert needs_more(100, 0, 5, 0.02) is None
    assert needs_more(100, 0, 1, 0.02) is not None
    assert needs_more(100, 5, 1, 0.0) is None
    assert needs_more(0, 0, 0, 0.02) == required_n(0.5, 0.02)


@given(st.integers(50, 5000), st.integers(0, 60), st.integers(0, 60))
def test_what_is_not_proven_needs_at_least_one_more(n: int, gained: int, lost: int) -> None:
    gained, lost = min(gained, n // 2), min(lost, n // 2)
    more = needs_more(n, gained, lost, 0.02)
    assert (more is None) == (lost - gained >= 0.02 * n)
    assert more is None or more >= 1


def test_bad_luck_needs_as_many_as_carry_the_counts_through() -> None:
    n, gained, lost = 3000, 20, 75
    assert tango_interval(n - gained - lost, gained, lost, 0).low < -0.02
    assert required_n((gained + lost + 1) / (n + 2), 0.02) < n
    more = needs_more(n, gained, lost, 0.02)
    assert more is not None
    both_ways = more * (gained + lost) / n / 2
    total = n + more
    gained_then, lost_then = gained + both_ways, lost + both_ways
    assert tango_interval(total - gained_then - lost_then, gained_then, lost_then, 0).low == pytest.approx(-0.02, abs=1e-4)


def test_arrays_give_what_scalars_give() -> None:
    n, gained, lost = np.array([0, 100, 100, 3000, 700]), np.array([0, 0, 0, 20, 9]), np.array([0, 1, 2, 75, 12])
    expected = tuple(needs_more(int(n[i]), int(gained[i]), int(lost[i]), 0.02) for i in range(5))
    assert needs_more(n, gained, lost, 0.02) == expected
    assert all(more is None or type(more) is int for more in expected)


def test_who_can_ever_pass() -> None:
    assert can_ever_pass(133, 0.02) is True
    assert can_ever_pass(132, 0.02) is False
    assert can_ever_pass(0, 0.5) is False
    assert can_ever_pass(10**9, 0.0) is False
    assert can_ever_pass(np.array([10, 133, 500]), np.array([0.3, 0.02, 0.001])).tolist() == [True, True, False]


@given(st.integers(1, 3000), st.floats(0.001, 0.6))
def test_can_ever_pass_is_what_the_interval_says(n: int, margin: float) -> None:
    low = tango_interval(n, 0, 0, 0).low
    assert can_ever_pass(n, margin) == (low > -margin) or abs(low + margin) < 1e-9


@pytest.mark.parametrize("n", [300, 1000, 3000, 10_000])
@pytest.mark.parametrize("flips", [0.02, 0.05, 0.2])
def test_the_detectable_drop_fails_in_about_80_percent(n: int, flips: float) -> None:
    drop = smallest_detectable_drop(n, flips, 0.02)
    assert detection_power(n, flips, 0.02, drop) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("n", [50, 100, 200])
def test_with_few_examples_the_detectable_drop_is_not_promised_too_small(n: int) -> None:
    for flips in (0.0, 0.02, 0.05, 0.2):
        assert detection_power(n, flips, 0.02, smallest_detectable_drop(n, flips, 0.02)) >= 0.78


def test_a_family_of_segments_detects_less() -> None:
    alone, among_200 = smallest_detectable_drop(100, 0.05, 0.02), smallest_detectable_drop(100, 0.05, 0.02, tests=200)
    assert among_200 > alone
    assert smallest_detectable_drop(np.array([100, 1000]), 0.05, 0.02)[0] == alone
    assert smallest_detectable_drop(2, 0.05, 0.02) > 0.9


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="flip_rate"):
        required_n(0.05, 0.0)
    with pytest.raises(ValueError, match="losses"):
        needed_to_pass(-1, 0.02)
    with pytest.raises(ValueError, match="lost"):
        needs_more(10, 0, -1, 0.02)

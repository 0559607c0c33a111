"""The rules of the whole and of segments, and how often they are right: exactly or by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.outcome import Outcome
from harness.stats import (
    Finding,
    describe_change,
    judge_families,
    judge_segments,
    judge_whole,
    mcnemar_mid_harm,
    planted_t_p_harm,
    tango_interval,
    tango_p_harm,
    tolerated_drop,
    two_key_p,
    two_key_p_scores,
)

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("low", "high", "outcome", "finding"),
    [
        (-0.01, 0.01, PASS, Finding.UNSETTLED),
        (-0.015, -0.005, PASS, Finding.TOLERABLE),
        (0.001, 0.02, PASS, Finding.BETTER),
        (-0.03, -0.021, FAIL, Finding.WORSE),
        (-0.03, -0.01, INCONCLUSIVE, Finding.WORSE),
        (-0.03, 0.01, INCONCLUSIVE, Finding.UNSETTLED),
        (-0.02, 0.01, INCONCLUSIVE, Finding.UNSETTLED),
        (-0.03, -0.02, INCONCLUSIVE, Finding.WORSE),
    ],
)
def test_the_whole(low: float, high: float, outcome: Outcome, finding: Finding) -> None:
    assert judge_whole(low, high, 0.02) is outcome
    assert describe_change(low, high, 0.02) is finding


def test_segments_need_two_keys_to_fail() -> None:
    verdicts = judge_segments([-0.01, -0.3, -0.3, -0.3], [0.01, -0.1, -0.1, 0.1], 0.02, [0.9, 0.001, 0.2, 0.001])
    assert verdicts.outcomes == (PASS, FAIL, INCONCLUSIVE, INCONCLUSIVE)
    assert verdicts.suspect.tolist() == [False, True, True, False]
    assert verdicts.adjusted == pytest.approx([0.9, 0.004, 0.4, 0.004])


def test_a_margin_of_its_own_for_each_segment() -> None:
    verdicts = judge_segments([-0.03, -0.03], [-0.025, -0.025], [0.02, 0.04], [0.0, 0.0])
    assert verdicts.outcomes == (FAIL, PASS)


def test_what_may_not_pass_is_inconclusive() -> None:
    verdicts = judge_segments([-0.01, -0.01], [0.01, 0.01], 0.02, [1, 1], may_pass=[True, False])
    assert verdicts.outcomes == (PASS, INCONCLUSIVE)


def test_a_critical_segment_fails_in_either_of_its_families() -> None:
    low, high = np.full(12, -0.3), np.full(12, -0.1)
    p = np.full(12, 0.5)
    p[0] = 0.01
    everything, critical = np.arange(12), np.array([0, 5])
    assert judge_families(low, high, 0.02, p, [everything]).outcomes[0] is INCONCLUSIVE
    verdicts = judge_families(low, high, 0.02, p, [everything, critical])
    assert verdicts.outcomes[0] is FAIL
    assert verdicts.outcomes[1:] == (INCONCLUSIVE,) * 11
    assert verdicts.adjusted[0] == pytest.approx(0.02)
    assert judge_families(low, high, 0.02, p, []).outcomes[0] is INCONCLUSIVE


def test_no_segments_no_verdicts() -> None:
    assert judge_segments([], [], 0.02, []).outcomes == ()


def test_limits_that_are_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="limits must be numbers"):
        judge_whole(float("nan"), 0.1, 0.02)
    with pytest.raises(ValueError, match="limits must be numbers"):
        judge_segments([0.1], [-0.1], 0.02, [1])
    with pytest.raises(ValueError, match="zero or more"):
        judge_whole(-0.1, 0.1, -0.02)


def test_what_is_tolerated_is_the_wholes_drop_within_the_margin() -> None:
    assert [tolerated_drop(drop, 0.02) for drop in (-0.01, 0.0, 0.005, 0.05)] == [0, 0, 0.005, 0.02]
    assert tolerated_drop(0.03, np.array([0.01, 0.05])) == pytest.approx([0.01, 0.03])


@given(st.integers(0, 50), st.integers(0, 50), st.integers(100, 500), st.floats(0, 0.1))
def test_second_key_is_the_larger_of_both_p(gained: int, lost: int, n: int, tolerated: float) -> None:
    expected = max(tango_p_harm(gained, lost, n, -tolerated), mcnemar_mid_harm(gained, lost))
    assert two_key_p(gained, lost, n, tolerated) == expected


@given(st.integers(2, 500), st.floats(-0.5, 0.5), st.floats(0, 0.5), st.floats(0, 0.1))
def test_second_key_of_scores(n: int, mean: float, sd: float, tolerated: float) -> None:
    expected = max(planted_t_p_harm(n, mean, sd, 1.0, -tolerated), planted_t_p_harm(n, mean, sd, 1.0, 0.0))
    assert two_key_p_scores(n, mean, sd, 1.0, tolerated) == expected


def simulate(segments: int, suites: int, size: int = 0, drop: float = 0.0, everywhere: float = 0.0, equal: int = 0) -> np.ndarray:
    """(suites, segments) bool: which FAIL, at 5 % flips and a margin of 2pp.

    Sizes are log-uniform from 40 to 2,000 or all `equal`; every segment loses `everywhere`, the first one is of `size`
    and loses `drop`.
    """
    rng = np.random.default_rng(1000 * segments + size)
    n = np.exp(rng.uniform(np.log(40), np.log(2000), (suites, segments))).astype(int)
    if equal:
        n[:] = equal
    losses = np.full((suites, segments), everywhere)
    if size:
        n[:, 0], losses[:, 0] = size, drop
    lost = rng.binomial(n, 0.025 + losses)
    gained = rng.binomial(n - lost, 0.025 / (0.975 - losses))
    interval = tango_interval((n - lost - gained).ravel(), gained.ravel(), lost.ravel(), 0)
    tolerated = [tolerated_drop(whole, 0.02) for whole in (lost - gained).sum(1) / n.sum(1)]
    p = two_key_p(gained, lost, n, np.repeat(tolerated, segments).reshape(n.shape))
    low, high = interval.low.reshape(n.shape), interval.high.reshape(n.shape)
    verdicts = (judge_segments(*rows, 0.02, chance) for *rows, chance in zip(low, high, p, strict=True))
    return np.array([[outcome is FAIL for outcome in verdict.outcomes] for verdict in verdicts])


def test_a_thousand_suites_with_nothing_wrong() -> None:
    assert simulate(20, 1000).any(1).mean() <= 0.015


@pytest.mark.parametrize(("size", "drop", "power"), [(100, 0.10, 0.40), (300, 0.05, 0.43), (50, 0.30, 0.89)])
def test_power_among_twenty_segments(size: int, drop: float, power: float) -> None:
    assert simulate(20, 1500, size, drop)[:, 0].mean() == pytest.approx(power, abs=0.06)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("segments", "size", "drop", "power"),
    [
        (20, 50, 0.10, 0.09),
        (20, 50, 0.30, 0.89),
        (20, 100, 0.05, 0.09),
        (20, 100, 0.10, 0.40),
        (20, 100, 0.30, 1.00),
        (20, 300, 0.05, 0.43),
        (20, 300, 0.10, 0.96),
        (200, 50, 0.10, 0.005),
        (200, 50, 0.30, 0.63),
        (200, 100, 0.05, 0.005),
        (200, 100, 0.10, 0.14),
        (200, 100, 0.30, 0.99),
        (200, 300, 0.05, 0.19),
        (200, 300, 0.10, 0.87),
    ],
)
def test_power_table_of_the_two_keys(segments: int, size: int, drop: float, power: float) -> None:
    suites = 4000 if segments == 20 else 2000
    assert simulate(segments, suites, size, drop)[:, 0].mean() == pytest.approx(power, abs=0.045)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "drop", "power"), [(100, 0.05, 0.06), (100, 0.10, 0.35), (100, 0.30, 0.998), (300, 0.05, 0.41), (300, 0.10, 0.96)]
)
def test_power_among_equal_segments(size: int, drop: float, power: float) -> None:
    assert simulate(20, 4000, size, drop, equal=size)[:, 0].mean() == pytest.approx(power, abs=0.035)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("segments", "everywhere", "most"),
    [(20, 0.0, 0.006), (20, 0.01, 0.019), (20, 0.02, 0.051), (200, 0.0, 0.008), (200, 0.01, 0.018), (200, 0.02, 0.034)],
)
def test_some_fail_when_all_segments_are_alike(segments: int, everywhere: float, most: float) -> None:
    suites = 6000 if segments == 20 else 2500
    assert simulate(segments, suites, everywhere=everywhere).any(1).mean() == pytest.approx(most, abs=0.012)

"""The planner for scores: Miller's published number, and simulated chances."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.stats import (
    needs_more_scores,
    planted_t_interval,
    required_n_paired,
    smallest_provable_margin_scores,
)


def test_published_number_of_questions() -> None:
    assert required_n_paired(1 / 9, 0.03, alpha=0.05, power=0.8) == 969  # Miller 2024


def test_impossible_designs_are_refused() -> None:
    with pytest.raises(ValueError, match="difference"):
        required_n_paired(1 / 9, 0.0)


@pytest.mark.parametrize(("n", "sd"), [(100, 0.1), (300, 0.2), (2000, 0.05)])
def test_a_model_that_lost_nothing_proves_the_provable_margin_in_80_percent(n: int, sd: float) -> None:
    margin = smallest_provable_margin_scores(n, sd, 1.0)
    samples = np.clip(np.random.default_rng(n).normal(0, sd, (8000, n)), -1, 1)
    interval = planted_t_interval(np.full(8000, n), samples.mean(1), samples.std(1, ddof=1), 1.0)
    assert (interval.low > -margin).mean() == pytest.approx(0.8, abs=0.03)


def test_without_differences_the_provable_margin_is_the_planted_limit() -> None:
    assert smallest_provable_margin_scores(500, 0.0, 1.0) == pytest.approx(-planted_t_interval(500, 0.0, 0.0, 1.0).low)
    assert smallest_provable_margin_scores(0, 0.0, 1.0) == smallest_provable_margin_scores(2, 0.0, 1.0) == 1
    assert smallest_provable_margin_scores(np.array([0, 500]), 0.0, 2.0) == pytest.approx([2, -planted_t_interval(500, 0, 0, 2).low])


@pytest.mark.parametrize("sd", [0.0, 0.1, 0.3])
def test_that_many_more_would_do(sd: float) -> None:
    more = needs_more_scores(200, 0.0, sd, 1.0, 0.02)
    assert more is not None
    assert smallest_provable_margin_scores(200 + more, sd, 1.0) < 0.02


def test_scores_that_are_right_or_wrong_need_about_as_many_as_tango() -> None:
    flips, n = 0.05, 400
    more = needs_more_scores(n, 0.0, math.sqrt(flips), 1.0, 0.02)
    assert more == pytest.approx(837 - n, rel=0.25)


def test_an_observed_drop_of_the_margin_is_not_a_matter_of_more_examples() -> None:
    assert needs_more_scores(500, -0.02, 0.1, 1.0, 0.02) is None
    assert needs_more_scores(500, -0.05, 0.1, 1.0, 0.02) is None
    assert needs_more_scores(500, 0.0, 0.1, 1.0, 0.0) is None
    assert needs_more_scores(0, math.nan, math.nan, 1.0, 0.02) is not None


def test_bad_luck_needs_as_many_as_carry_the_mean_through() -> None:
    n, mean, sd = 3000, -0.016, 0.2
    assert planted_t_interval(n, mean, sd, 1.0).low < -0.02
    assert smallest_provable_margin_scores(n, sd, 1.0) < 0.02
    more = needs_more_scores(n, mean, sd, 1.0, 0.02)
    assert more is not None
    assert planted_t_interval(n + more, mean * n / (n + more), sd, 1.0).low == pytest.approx(-0.02, abs=5e-4)


def test_arrays_give_what_scalars_give() -> None:
    n, mean = np.array([0, 100, 3000, 500]), np.array([math.nan, 0.0, -0.016, -0.05])
    expected = tuple(needs_more_scores(int(n[i]), float(mean[i]), 0.2, 1.0, 0.02) for i in range(4))
    assert needs_more_scores(n, mean, 0.2, 1.0, 0.02) == expected

"""Scores per example: clusters, caps and margins relative to the original."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from harness.arrays.segmentation import Segmentation
from harness.checks.capped import Capped
from harness.checks.judging import Reader, Rules, judge
from harness.checks.parameters import OnInconclusive
from harness.checks.scored import ScoreEvaluator
from harness.checks.table import Groups, Table
from harness.core.outcome import Outcome
from harness.core.segment import Segment, SegmentRule
from harness.core.units import Change
from harness.core.verdict import Verdict
from harness.errors import MeasurementError

Direction = Literal["higher", "lower"]
NEAR_ZERO = "the original's value is within 3 standard errors of 0: a margin relative to it means little"


def whole(evaluator: ScoreEvaluator, margin: float) -> Table:
    return evaluator.table(Groups.everything(len(evaluator.original)), np.array([margin]))


def verdict(evaluator: ScoreEvaluator, margin: float, *, direction: Direction = "higher", unit: Literal["own", "%rel"] = "own") -> Verdict:
    rules = Rules("s", "int8", "check", "m", Change(margin, unit), False, direction, OnInconclusive())
    return judge(evaluator, len(evaluator.original), rules, {}, Reader(lambda *_: ()))[0]


def planted(values: np.ndarray, reach: float, level: float = 0.90) -> tuple[float, float]:
    """The definition, by hand: t of the sample with one more of −reach, or +reach."""
    limits = []
    for sign in (-1, 1):
        sample = np.append(values, sign * reach)
        half = student.ppf((1 + level) / 2, len(values)) * sample.std(ddof=1) / np.sqrt(len(sample))
        limits.append(np.clip(sample.mean() + sign * half, -reach, reach))
    return limits[0], limits[1]


# Clusters


def damaged_large_clusters() -> ScoreEvaluator:
    """12 clusters of 100 that lost 0.9, and 90 of one example that lost nothing: (1,290)² / (12 · 100² + 90) = 13.857 of equal size."""
    original = np.ones(1290)
    candidate = np.append(np.full(1200, 0.1), np.ones(90))
    clusters = np.append(np.repeat(np.arange(12), 100), np.arange(12, 102)).astype(np.int32)
    return ScoreEvaluator(original, candidate, direction="higher", reach=1.0, clusters=clusters)


def test_damaged_large_clusters_count_by_their_examples() -> None:
    found = whole(damaged_large_clusters(), 0.5)
    assert found.delta[0] == pytest.approx(-1080 / 1290)
    assert found.candidate[0] == pytest.approx(210 / 1290)
    assert found.n[0] == 1290
    assert found.notes[0] == ("102 clusters, worth 13.9 of equal size",)
    assert verdict(damaged_large_clusters(), 0.5).outcome is not Outcome.PASS
    assert verdict(damaged_large_clusters(), 0.2).outcome is Outcome.FAIL


def test_one_cluster_that_holds_nearly_everything_is_neither_pass_nor_fail() -> None:
    """1,000 examples and nine of one: (1,009)² / (1,000² + 9) = 1.02."""
    clusters = np.append(np.zeros(1000), np.arange(1, 10)).astype(np.int32)
    for candidate in (np.ones(1009), np.append(np.full(1000, 0.1), np.ones(9))):
        evaluator = ScoreEvaluator(np.ones(1009), candidate, direction="higher", reach=1.0, clusters=clusters)
        judged = verdict(evaluator, 0.5)
        assert judged.outcome is Outcome.INCONCLUSIVE
        assert judged.reason.startswith("10 clusters that count as only 1.0 of equal size, because a few hold most of the examples")


def planted_p(n: float, mean: float, sd: float, delta: float) -> float:
    """One-sided p of a mean of `delta` or more, with one more of +1 among n, by hand."""
    centre = (n * mean + 1) / (n + 1)
    squares = (n - 1) * sd**2 + n / (n + 1) * (mean - 1) ** 2
    return float(student.cdf((centre - delta) / np.sqrt(squares / n / (n + 1)), n))


def test_clusters_of_equal_size_are_judged_by_their_means() -> None:
    rng = np.random.default_rng(1)
    original, change = rng.uniform(0.4, 0.6, (20, 5)), rng.normal(0, 0.1, (20, 1)) + rng.normal(0, 0.05, (20, 5))
    clusters = np.repeat(np.arange(100, 120), 5).astype(np.int32)
    evaluator = ScoreEvaluator(original.ravel(), (original + change).ravel(), direction="higher", reach=1.0, clusters=clusters)
    found = whole(evaluator, 0.1)
    assert (found.low[0], found.high[0]) == pytest.approx(planted(change.mean(axis=1), 1.0))
    half = student.ppf(0.95, 19) * original.mean(axis=1).std(ddof=1) / np.sqrt(20)
    assert (found.original_low[0], found.original_high[0]) == pytest.approx((original.mean() - half, original.mean() + half))


def test_examples_in_clusters_of_one_are_judged_like_independent_ones_and_in_any_order() -> None:
    rng = np.random.default_rng(2)
    original, candidate = rng.random(60), rng.random(60)
    plain = whole(ScoreEvaluator(original, candidate, direction="lower", reach=1.0, relative=True), 0.2)
    order = rng.permutation(60).astype(np.int32)
    alone = whole(ScoreEvaluator(original, candidate, direction="lower", reach=1.0, relative=True, clusters=order), 0.2)
    for name in ("delta", "low", "high", "margin", "original_low", "candidate_high"):
        assert getattr(alone, name) == pytest.approx(getattr(plain, name)), name
    assert alone.needs_more == plain.needs_more


def test_fewer_than_ten_clusters_are_neither_pass_nor_fail() -> None:
    clusters = np.repeat(np.arange(9), 100).astype(np.int32)
    for candidate in (np.ones(900), np.zeros(900)):
        evaluator = ScoreEvaluator(np.ones(900), candidate, direction="higher", reach=1.0, clusters=clusters)
        found = whole(evaluator, 0.5)
        assert not found.estimable[0]
        assert np.isnan([found.delta[0], found.low[0], found.high[0], found.original[0]]).all()
        judged = verdict(evaluator, 0.5)
        assert judged.outcome is Outcome.INCONCLUSIVE
        assert judged.reason == "only 9 clusters; a verdict on clustered examples needs at least 10"
        assert judged.comparison is None


def test_a_group_with_few_clusters_does_not_keep_the_others_from_being_judged() -> None:
    clusters = np.append(np.repeat(np.arange(3), 100), np.arange(3, 303)).astype(np.int32)
    evaluator = ScoreEvaluator(np.ones(600), np.append(np.zeros(300), np.ones(300)), direction="higher", reach=1.0, clusters=clusters)
    groups = Groups(np.append(np.repeat(0, 300), np.repeat(2, 300)).astype(np.int32), 3)
    found = evaluator.table(groups, np.full(3, 0.1))
    assert found.estimable.tolist() == [False, False, True]
    assert found.why_not[0].startswith("only 3 clusters")
    assert found.why_not[1:] == ("no examples", "")
    assert found.delta[2] == 0
    assert evaluator.p_worse(groups, 0, 0.0, 3) == 1.0


def test_the_p_of_harm_counts_clusters_by_their_examples() -> None:
    """Of 102 clusters twelve lost, and they are the large ones: the mean over examples is harmed, that of the clusters hardly.

    Residuals from the mean m of −0.837: 100 (−0.9 − m) in the large ones, −m in the small; variance K/(K−1) Σ r² / n².
    """
    k, m = 1290**2 / (12 * 100**2 + 90), -1080 / 1290
    squares = 12 * (100 * (-0.9 - m)) ** 2 + 90 * m**2
    expected = planted_p(k, m, np.sqrt(k / (k - 1) * squares) / 1290 * np.sqrt(k), -0.2)
    assert damaged_large_clusters().p_worse(Groups.everything(1290), 0, 0.2, 1) == pytest.approx(expected)
    assert expected < 0.05


def test_p_of_a_segment_is_that_of_t_at_the_drop_of_the_whole() -> None:
    """A segment that lost 0.5 on average, and one that lost 0.05: the whole lost 0.095."""
    change = np.append(np.tile([-0.3, -0.7], 50), np.tile([-0.15, 0.05], 450))
    evaluator = ScoreEvaluator(np.full(1000, 0.8), 0.8 + change, direction="higher", reach=1.0)
    parts = Segmentation(
        "part", (Segment("part", (("part", "a"),)), Segment("part", (("part", "b"),))), np.repeat([0, 1], [100, 900]).astype(np.int32)
    )
    rules = Rules("s", "int8", "check", "m", Change(0.2, "own"), False, "higher", OnInconclusive(), segments={"part": SegmentRule()})
    found = judge(evaluator, 1000, rules, {"part": parts}, Reader(lambda *_: ()))[1]
    assert found.comparison is not None
    assert found.comparison.p_harm == pytest.approx(planted_p(100, -0.5, change[:100].std(ddof=1), -0.095), rel=1e-6)
    assert found.comparison.p_harm > 1e3 * planted_p(100, -0.5, change[:100].std(ddof=1), 0.0)


def test_what_more_is_needed_speaks_of_the_level_of_the_check() -> None:
    """The fewest further examples with which reach/(N+1) + t · se + z₈₀ · sd/√N, one planted, is within the margin."""
    change = np.tile([-0.2, 0.2], 50)
    spread = np.sqrt((np.sum(change**2) + 1) / 100)

    def enough(n: int, level: float) -> bool:
        error = np.sqrt(((n - 1) * spread**2 + n / (n + 1)) / n / (n + 1))
        return 1 / (n + 1) + student.ppf((1 + level) / 2, n) * error + 0.841621 * spread / np.sqrt(n) <= 0.03

    for level in (0.90, 0.99):
        evaluator = ScoreEvaluator(np.full(100, 0.5), 0.5 + change, direction="higher", reach=1.0, level=level)
        assert whole(evaluator, 0.03).needs_more[0] == next(more for more in range(1, 2000) if enough(100 + more, level))


def test_what_more_is_needed_is_said_in_examples_not_in_clusters() -> None:
    change = np.repeat(np.tile([-0.2, 0.2], 20), 10)
    by_cluster = ScoreEvaluator(np.full(40, 0.5), 0.5 + change[::10], direction="higher", reach=1.0)
    by_example = ScoreEvaluator(
        np.full(400, 0.5), 0.5 + change, direction="higher", reach=1.0, clusters=np.repeat(np.arange(40), 10).astype(np.int32)
    )
    clusters_needed = whole(by_cluster, 0.05).needs_more[0]
    assert clusters_needed is not None
    assert whole(by_example, 0.05).needs_more[0] == 10 * clusters_needed


# Caps


def with_cap(original: np.ndarray, candidate: np.ndarray, direction: Direction, reach: float) -> ScoreEvaluator:
    """Scores that the metric has cut at 5."""
    return ScoreEvaluator(original, candidate, direction=direction, reach=reach, capped=Capped.of_scores(original, candidate, 5.0))


def test_a_loss_beyond_the_cap_is_no_pass() -> None:
    """MAE 10 of the original and 12 of the candidate arrive as 5 and 5."""
    at_cap = np.full(1000, 5.0)
    judged = verdict(with_cap(at_cap, at_cap, "lower", reach=5.0), 0.5, direction="lower")
    assert judged.outcome is Outcome.INCONCLUSIVE
    assert judged.reason.startswith("100.0 % of the scores reach the cap of 5; what lies beyond is not seen")
    assert "raise `cap`" in judged.reason
    assert judged.needs_more is None


@pytest.mark.parametrize(("original_at_cap", "candidate_at_cap", "passes"), [(0, 0, True), (50, 0, True), (51, 0, False), (30, 30, False)])
def test_a_pass_takes_at_most_five_per_cent_of_examples_at_the_cap(original_at_cap: int, candidate_at_cap: int, passes: bool) -> None:
    """Disjoint examples at the cap of −5 or +5 add up; a score of 4.9 is none."""
    original, candidate = np.full(1000, 4.9), np.full(1000, 4.9)
    original[:original_at_cap] = 5.0
    candidate[500 : 500 + candidate_at_cap] = 5.0
    signed = with_cap(-original, -candidate, "higher", reach=10.0)
    for evaluator in (with_cap(original, candidate, "lower", reach=10.0), signed):
        found = whole(evaluator, 1.0)
        assert bool(found.may_pass[0]) is passes
        assert bool(found.why_not[0]) is not passes
        share = (original_at_cap + candidate_at_cap) / 10
        expected = (f"{share:.1f} % of the scores reach the cap of 5; what lies beyond is not seen",) if share else ()
        assert found.notes[0] == expected


def test_the_cap_is_counted_in_each_group_and_only_there() -> None:
    original = np.append(np.full(300, 5.0), np.full(700, 1.0))
    evaluator = with_cap(original, original, "lower", reach=5.0)
    groups = Groups(np.append(np.zeros(300), np.append(np.ones(600), np.full(100, -1))).astype(np.int32), 2)
    found = evaluator.table(groups, np.full(2, 0.5))
    assert found.may_pass.tolist() == [False, True]
    assert found.notes[1] == ()


def test_a_rare_score_at_the_cap_is_not_said_to_be_none() -> None:
    original = np.zeros(10_000)
    original[0] = 5.0
    found = whole(with_cap(original, original, "lower", reach=5.0), 0.5)
    assert found.notes[0] == ("less than 0.1 % of the scores reach the cap of 5; what lies beyond is not seen",)


def test_a_proven_loss_fails_at_the_cap_too() -> None:
    judged = verdict(with_cap(np.ones(100), np.full(100, 5.0), "lower", reach=5.0), 0.5, direction="lower")
    assert judged.outcome is Outcome.FAIL


def test_scores_without_a_cap_say_nothing_of_one() -> None:
    found = whole(ScoreEvaluator(np.ones(1000), np.ones(1000), direction="higher", reach=1.0), 0.1)
    assert found.notes[0] == ()
    assert found.may_pass[0]


def test_scores_further_apart_than_the_metric_allows_are_refused() -> None:
    with pytest.raises(MeasurementError, match="row 1 scores 5 for the original and -4 for the candidate, further apart than the 5"):
        ScoreEvaluator(np.array([1.0, 5.0]), np.array([1.0, -4.0]), direction="higher", reach=5.0)


# Margins relative to the original


def test_the_line_through_the_original_is_that_of_its_mean_for_scores_of_mixed_sign() -> None:
    """Mean 0.1 of ±1: 50 % of it is 0.05; a candidate that lost 0.1 everywhere has lost 100 %."""
    original = np.append(np.ones(550), -np.ones(450))
    evaluator = ScoreEvaluator(original, original - 0.1, direction="higher", reach=2.2, relative=True)
    found = whole(evaluator, 0.5)
    assert found.margin[0] == pytest.approx(0.05)
    assert found.delta[0] == pytest.approx(-0.1)
    assert found.low[0] <= -0.1 <= found.high[0]
    assert verdict(evaluator, 0.5, unit="%rel").outcome is not Outcome.PASS


@given(st.integers(0, 10_000), st.sampled_from(["higher", "lower"]), st.sampled_from([0.02, 0.5, 2.0]), st.floats(-1.5, 1.5))
def test_a_relative_interval_is_the_planted_t_of_the_shifted_differences(
    seed: int, direction: Direction, margin: float, centre: float
) -> None:
    """By definition, with scores of any sign; the planted example is the worst that scores within the bounds can show."""
    rng = np.random.default_rng(seed)
    original, candidate = rng.uniform(centre - 1, centre + 1, (2, 30))
    found = whole(ScoreEvaluator(original, candidate, direction=direction, reach=2.0, relative=True), margin)
    difference = candidate - original if direction == "higher" else original - candidate
    along = margin * (original - original.mean()) * np.sign(original.mean())
    assert (found.low[0], found.high[0]) == pytest.approx(planted(difference + along, 2.0 * (1 + margin)))
    assert found.margin[0] == pytest.approx(margin * abs(original.mean()))
    assert found.low[0] <= difference.mean() <= found.high[0]


def test_each_group_is_shifted_towards_its_own_mean() -> None:
    rng = np.random.default_rng(7)
    scores = np.append(rng.uniform(-1, 0.5, 50), rng.uniform(-0.5, 1, 50))
    candidate = np.clip(scores + rng.normal(0, 0.1, 100), -1, 1)
    together = ScoreEvaluator(scores, candidate, direction="higher", reach=2.0, relative=True)
    both = together.table(Groups(np.repeat([0, 1], 50).astype(np.int32), 2), np.full(2, 0.5))
    for group, rows in enumerate((slice(0, 50), slice(50, 100))):
        alone = whole(ScoreEvaluator(scores[rows], candidate[rows], direction="higher", reach=2.0, relative=True), 0.5)
        assert (both.low[group], both.high[group]) == pytest.approx((alone.low[0], alone.high[0]))


def test_scores_far_from_zero_keep_an_interval_around_their_difference() -> None:
    """Between 100 and 101, 5 % of the original is 5: more than scores can differ, so an unchanged model passes."""
    original = np.random.default_rng(3).uniform(100, 101, 200)
    judged = verdict(ScoreEvaluator(original, original, direction="higher", reach=1.0, relative=True), 0.05, unit="%rel")
    assert judged.outcome is Outcome.PASS


@pytest.mark.parametrize("sign", [1, -1])
def test_an_original_near_zero_is_warned_of(sign: int) -> None:
    """100 scores of sd 1: the standard error is 0.1, three of them are 0.3."""
    noise = np.random.default_rng(4).normal(size=100)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    for mean, warned in ((0.29, True), (0.31, False)):
        original = sign * (noise + mean)
        relative = whole(ScoreEvaluator(original, original, direction="higher", reach=10.0, relative=True), 0.1)
        assert relative.notes[0] == ((NEAR_ZERO,) if warned else ())
        assert whole(ScoreEvaluator(original, original, direction="higher", reach=10.0), 0.1).notes[0] == ()


def test_an_original_that_is_zero_everywhere_is_warned_of() -> None:
    found = whole(ScoreEvaluator(np.zeros(100), np.zeros(100), direction="lower", reach=1.0, relative=True), 0.1)
    assert found.notes[0] == (NEAR_ZERO,)

"""Right-or-wrong metrics through the check, against numbers computed by other means than the harness's own formulas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binom, norm

from harness import stats
from harness.arrays.outputs import RowStatus
from harness.checks.quality import QualityCheck
from harness.checks.table import NEAR_ZERO
from harness.core.comparison import Comparison
from harness.core.outcome import Outcome
from harness.core.verdict import Verdict
from harness.metrics.custom import PythonMean, PythonParameters
from tests.checks.build import from_counts, labels, material, quality

Cells = tuple[int, int, int, int]


def judged(*parts: Cells, max_drop: str = "2pp", check: QualityCheck | None = None, **parameters: object) -> tuple[Verdict, ...]:
    """Segments with these paired counts (both right, gained, lost, both wrong), judged as one check; the whole alone for one part."""
    truth, original, candidate, names = [], [], [], []
    for index, cells in enumerate(parts):
        for column, values in zip((truth, original, candidate), from_counts(*cells), strict=True):
            column.extend(values)
        names.extend([f"s{index}"] * sum(cells))
    made = material(labels(original), labels(candidate), truth, {"name": names})
    if len(parts) > 1:
        parameters = {"segments": {"name": {}}, "max_unproven": "100%", **parameters}
    found = quality(max_drop, **parameters)
    if check is not None:
        found = QualityCheck(check.name, found.parameters, check.metric)
    return found.judge(made)


def compared(verdict: Verdict) -> Comparison:
    assert verdict.comparison is not None
    return verdict.comparison


def wrong_answers() -> QualityCheck:
    """A metric of one's own that is 1 for a wrong answer, with lower being better."""
    parameters = PythonParameters(function="m:wrong", direction="lower", kind="mean", binary=True)
    metric = PythonMean(parameters.info(), lambda answers, truth: (np.asarray(answers) != np.asarray(truth)).astype(float))
    return QualityCheck("wrong", quality().parameters, metric)


def score(cells: Sequence[float], values: Sequence[float]) -> float:
    """Score statistic of H0: E[X] = 0, with X = `values` in the four cells, all of which hold examples.

    The multinomial maximum likelihood under that constraint is pᵢ = nᵢ / (n (1 + λ xᵢ)), with λ such that Σ pᵢ xᵢ = 0.
    """
    n, x = np.array(cells, dtype=float), np.array(values)

    def constraint(multiplier: float) -> float:
        return float(np.sum(n * x / (1 + multiplier * x)))

    multiplier = brentq(constraint, -1 / x.max() + 1e-9, -1 / x.min() - 1e-9, xtol=1e-14)
    p = n / n.sum() / (1 + multiplier * x)
    return float(np.sum(n * x) / np.sqrt(n.sum() * np.sum(p * x * x)))


def of_difference(cells: Sequence[float], delta: float) -> float:
    """Tango's: of candidate − original = `delta`."""
    return score(cells, (-delta, 1 - delta, -1 - delta, -delta))


def of_ratio(cells: Sequence[float], ratio: float) -> float:
    """Nam and Blackwelder's: of candidate / original = `ratio`."""
    return score(cells, (1 - ratio, 1, -ratio, 0))


def mid_p(gained: int, lost: int) -> float:
    """McNemar's one-sided mid-p of harm."""
    return float(binom.sf(lost, gained + lost, 0.5) + binom.pmf(lost, gained + lost, 0.5) / 2)


# p of harm of a segment: the larger of the score test at the whole's drop and McNemar's mid-p


def test_p_of_a_segment_is_that_of_the_score_test_at_the_drop_of_the_whole() -> None:
    """Lost 38, gained 2 of 200, while the whole lost 46 of 2,000."""
    part: Cells = (150, 2, 38, 10)
    found = judged(part, (1750, 10, 20, 20), max_drop="5pp")[1]
    expected = float(norm.cdf(of_difference(part, -46 / 2000)))
    assert expected > mid_p(2, 38)
    assert compared(found).p_harm == pytest.approx(expected, rel=1e-6)
    assert found.outcome is Outcome.FAIL


def test_p_of_a_segment_with_a_relative_margin_is_that_of_the_ratio_at_the_drop_of_the_whole() -> None:
    """The whole: 1,958 right of the original, 1,912 of the candidate."""
    part: Cells = (150, 2, 38, 10)
    found = judged(part, (1750, 10, 20, 20), max_drop="5%rel")[1]
    expected = float(norm.cdf(of_ratio(part, 1912 / 1958)))
    assert expected > mid_p(2, 38)
    assert compared(found).p_harm == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("max_drop", ["0.04pp", "0.04%rel"])
def test_p_of_a_segment_is_that_of_mcnemar_where_it_is_larger_and_holm_counts_the_family(max_drop: str) -> None:
    """Lost 20, gained 10, while the whole gained: z = −10/√30, p = 0.0339, but the mid-p is 0.0354, and among two 0.0707."""
    found = judged((960, 10, 20, 10), (900, 40, 20, 40), max_drop=max_drop)[1]
    assert mid_p(10, 20) == pytest.approx(0.0354, abs=1e-4)
    assert norm.cdf(-10 / 30**0.5) < 0.0341
    assert compared(found).p_harm == pytest.approx(mid_p(10, 20), rel=1e-6)
    assert found.suspect
    assert found.outcome is Outcome.INCONCLUSIVE
    assert (
        judged((960, 10, 20, 10), (900, 40, 20, 40), max_drop=max_drop, segments={"name": {"critical": ["s0"]}})[1].outcome is Outcome.FAIL
    )


# The level of the check


def test_the_level_is_that_of_the_check() -> None:
    """Fagerland, Lydersen and Laake 2014: (1, 1, 7, 12), 95 %, difference −0.517 to −0.026."""
    drop = compared(judged((1, 1, 7, 12), level=0.95)[0]).drop
    assert (drop.low, drop.high) == pytest.approx((0.026, 0.517), abs=5e-4)


def test_the_level_of_a_ratio_is_that_of_the_check() -> None:
    cells: Cells = (60, 5, 12, 23)
    drop = compared(judged(cells, max_drop="10%rel", level=0.95)[0]).drop
    low, high = (brentq(lambda ratio, z=z: of_ratio(cells, ratio) - z, 0.5, 1.5) for z in (1.959964, -1.959964))
    assert (drop.low, drop.high) == pytest.approx((1 - high, 1 - low), abs=1e-5)


def test_what_more_is_needed_speaks_of_the_level_of_the_check() -> None:
    """ψ = 11/1002 in the formula of STATISTICS with z = 2.5758 (99 %) and 0.8416 (80 % power)."""
    psi, m = 11 / 1002, 0.01
    q = (psi + 2 * m + np.sqrt((psi + 2 * m) ** 2 - 4 * psi * m * (1 + m))) / 4
    expected = (2.575829 * np.sqrt(2 * q - m - m * m) + 0.841621 * np.sqrt(psi)) ** 2 / m**2 - 1000
    assert judged((990, 5, 5, 0), max_drop="1pp", level=0.99)[0].needs_more == pytest.approx(expected, abs=1)


def test_what_more_is_needed_for_a_relative_margin_is_that_for_its_points() -> None:
    """The original is right on 406 of 1,000: 2 % of that are 0.812 points."""
    found = judged((396, 8, 10, 586), max_drop="2%rel")[0]
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.needs_more == stats.needs_more(1000, 8, 10, 0.02 * 0.406)
    assert found.needs_more != stats.needs_more(1000, 8, 10, 0.02)


def test_what_a_segment_can_detect_counts_its_family() -> None:
    """Holm starts at 5 % among twenty; a segment alone would find smaller drops."""
    part: Cells = (88, 3, 3, 6)
    whole, segment = (compared(verdict) for verdict in judged(*[part] * 20)[:2])
    assert segment.smallest_detectable == stats.smallest_detectable_drop(100, 0.06, 0.02, tests=20)
    assert segment.smallest_detectable > stats.smallest_detectable_drop(100, 0.06, 0.02)
    assert whole.smallest_detectable == stats.smallest_detectable_drop(2000, 0.06, 0.02)


# Clusters


def test_clustered_counts_are_divided_by_the_design_effect_everywhere() -> None:
    """50 clusters of 10: one gained as a whole, one lost as a whole, 3 lost in a third.

    The sums of gains less losses are 10, −10, −3, the mean is −0.06 per cluster; one more cluster of 10 flips as one.
    """
    cells: Cells = (450, 10, 13, 27)
    truth, original, candidate = from_counts(*cells)
    rows = np.split(np.arange(500), np.cumsum(cells)[:-1])
    order = np.concatenate([rows[1], rows[2][:10], rows[2][10:], np.setdiff1d(np.arange(500), np.concatenate([rows[1], rows[2]]))])
    clusters = np.empty(500, dtype=int)
    clusters[order] = np.repeat(np.arange(50), 10)
    verdict = quality("2pp").judge(material(labels(original), labels(candidate), truth, clusters=clusters.tolist()))[0]
    found = compared(verdict)

    sums = np.array([10, -10, -3] + [0] * 47)
    between = 50 / 49 * np.sum((sums - sums.mean()) ** 2)
    effect = (between + 10**2) / (23 - 3**2 / 500 + 10)
    a, b, c, d = (count / effect for count in cells)
    low, high = (brentq(lambda delta, z=z: of_difference((a, b, c, d), delta) - z, -0.4, 0.4) for z in (1.644854, -1.644854))
    assert (found.drop.low, found.drop.high) == pytest.approx((-high, -low), abs=1e-6)
    assert found.notes == (f"50 clusters, design effect {effect:.2f}",)
    assert (found.n, found.gained, found.lost) == (500, 10, 13)

    n, share, z2 = 500 / effect, 463 / 500, 1.644854**2
    half = np.sqrt(z2) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    assert (found.original.low, found.original.high) == pytest.approx((centre - half, centre + half), abs=1e-6)

    unclustered = stats.needs_more(n, b, c, 0.02)
    assert unclustered is not None
    assert verdict.needs_more == np.ceil(unclustered * effect)


def test_clusters_of_which_a_few_hold_most_examples_are_too_few() -> None:
    """One of 1,000 and 99 of 1: (1,099)² / (1,000² + 99) = 1.2 clusters of equal size."""
    clusters = [0] * 1000 + list(range(1, 100))
    verdict = quality().judge(material(labels([1] * 1099), labels([1] * 1099), [1] * 1099, clusters=clusters))[0]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "100 clusters that count as only 1.2 of equal size, because a few hold most of the examples" in verdict.reason


def test_a_gate_over_few_clusters_is_underpowered_however_many_rows_they_have() -> None:
    """100 clusters of 20, three gained and three lost as one: what counts are about 100 examples with 6 flips."""
    truth, original, candidate = from_counts(1880, 60, 60, 0)
    clusters = [row // 20 for row in range(2000)]
    verdict = quality().judge(material(labels(original), labels(candidate), truth, clusters=clusters))[0]
    assert verdict.reason.startswith("underpowered gate")
    assert quality().judge(material(labels(original), labels(candidate), truth))[0].outcome is Outcome.PASS


# Metrics of which less is better


def test_a_share_of_wrong_answers_is_judged_the_right_way_round() -> None:
    """The same answers as accuracy, with the same intervals of the loss, shown as an error rate."""
    for cells in ((600, 0, 400, 0), (600, 400, 0, 0), (930, 12, 20, 38)):
        error, accuracy = judged(cells, check=wrong_answers())[0], judged(cells)[0]
        assert error.outcome is accuracy.outcome
        assert compared(error).drop == compared(accuracy).drop
        assert (compared(error).gained, compared(error).lost) == cells[1:3]
        for mine, other in (
            (compared(error).original, compared(accuracy).original),
            (compared(error).candidate, compared(accuracy).candidate),
        ):
            assert (mine.value, mine.low, mine.high) == pytest.approx((1 - other.value, 1 - other.high, 1 - other.low))
    worse, better = (judged(cells, check=wrong_answers())[0].reason for cells in ((600, 0, 400, 0), (600, 400, 0, 0)))
    assert "rose 40.0pp" in worse
    assert "fell 40.0pp" in better
    assert better.startswith("better than the original")


def test_failed_rows_are_wrong_answers_of_such_a_metric_too() -> None:
    status = [RowStatus.CRASHED] * 40 + [RowStatus.OK] * 960
    found = wrong_answers().judge(material(labels([1] * 1000), labels([1] * 1000, status), [1] * 1000))[0]
    assert found.outcome is Outcome.FAIL
    assert compared(found).candidate.value == pytest.approx(0.04)


def test_a_relative_margin_of_wrong_answers_is_one_of_the_errors() -> None:
    """The original is wrong on 100 of 1,000 and the candidate on 108: 8 % more errors, 0.9 % fewer right answers."""
    cells: Cells = (880, 12, 20, 88)
    found = compared(judged(cells, max_drop="20%rel", check=wrong_answers())[0])
    assert found.drop.value == pytest.approx(0.08)
    errors = (88, 20, 12, 880)
    low, high = (brentq(lambda ratio, z=z: of_ratio(errors, ratio) - z, 0.5, 2) for z in (1.644854, -1.644854))
    assert (found.drop.low, found.drop.high) == pytest.approx((low - 1, high - 1), abs=1e-5)
    segment = judged((100, 2, 38, 60), (1750, 40, 30, 180), max_drop="20%rel", check=wrong_answers())[1]
    whole = (60 + 38 + 180 + 30) / (60 + 2 + 180 + 40)
    harmed = -of_ratio((60, 38, 2, 100), whole)
    assert compared(segment).p_harm == pytest.approx(max(float(norm.cdf(harmed)), mid_p(2, 38)), rel=1e-6)
    assert norm.cdf(harmed) > mid_p(2, 38)


# Margins relative to next to nothing


def test_an_original_that_is_hardly_ever_right_is_warned_of() -> None:
    """k of n right: k/n lies within three standard errors of 0 while k ≤ 9 (1 − k/n)."""
    assert compared(judged((3, 1, 1, 995), max_drop="2%rel")[0]).notes == (NEAR_ZERO,)
    assert compared(judged((8, 0, 0, 992), max_drop="2%rel")[0]).notes == (NEAR_ZERO,)
    assert compared(judged((9, 0, 0, 991), max_drop="2%rel")[0]).notes == ()
    assert compared(judged((3, 1, 1, 995))[0]).notes == ()


def test_a_margin_relative_to_nothing_is_no_margin() -> None:
    """Nothing is −∞ to −10.9 % of nothing."""
    found = judged((0, 3, 0, 997), max_drop="2%rel")[0]
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason.startswith("the original is never right here")
    assert found.comparison is None
    assert judged((970, 0, 30, 0), max_drop="2%rel", check=wrong_answers())[0].reason.startswith("the original is never wrong here")


# The literal rule, and who is to blame


def test_a_drop_of_exactly_the_margin_is_within_it_in_any_unit() -> None:
    for max_drop in ("2pp", "2%rel"):
        assert judged((98, 0, 2, 0), max_drop=max_drop, decide="observed")[0].outcome is Outcome.PASS
        assert judged((97, 0, 3, 0), max_drop=max_drop, decide="observed")[0].outcome is Outcome.FAIL


def test_losses_of_the_model_do_not_make_a_gate_underpowered() -> None:
    """Five lost and nothing gained are no flips of a model that lost nothing; at ψ = 1/302 one passes nearly always."""
    for cells in ((290, 0, 5, 5), (282, 0, 8, 10)):
        found = judged(cells)[0]
        assert found.outcome is Outcome.INCONCLUSIVE
        assert not found.reason.startswith("underpowered")


def test_a_gate_with_a_power_of_63_per_cent_is_underpowered_and_one_of_99_9_is_not() -> None:
    """STATISTICS: 1,000 examples at 10 % flips, 3,000 at 5 %; 80 % is what counts as enough."""
    assert judged((880, 50, 60, 10))[0].reason.startswith("underpowered gate, a perfect model passes in 6")
    assert judged((2700, 75, 120, 105))[0].reason.startswith("not enough evidence")


def test_a_whole_that_passes_is_not_called_underpowered_for_its_segments() -> None:
    truth, original, candidate = from_counts(280, 12, 4, 4)
    names = [f"s{row // 10}" for row in range(300)]
    verdict = quality("2pp", segments={"name": {}}).judge(material(labels(original), labels(candidate), truth, {"name": names}))[0]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "segments unproven, more than max_unproven" in verdict.reason
    assert not verdict.reason.startswith("underpowered")


def test_exactly_the_tolerated_share_of_unproven_segments_is_tolerated() -> None:
    verdicts = judged((500, 0, 0, 0), (50, 0, 0, 0), max_unproven="50%")
    assert [verdict.outcome for verdict in verdicts] == [Outcome.PASS, Outcome.PASS, Outcome.INCONCLUSIVE]
    assert judged((500, 0, 0, 0), (50, 0, 0, 0), max_unproven="49%")[0].outcome is Outcome.INCONCLUSIVE

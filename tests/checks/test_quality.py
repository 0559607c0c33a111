"""The quality check: verdicts by interval for the whole, by two keys for segments."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from harness.arrays.outputs import RowStatus
from harness.core.numbers import texts
from harness.core.outcome import Outcome
from harness.core.verdict import Verdict
from harness.errors import UsageError
from tests.checks.build import from_counts, labels, material, quality


def judged(counts, max_drop="2pp", **parameters):
    truth, original, candidate = from_counts(*counts)
    return quality(max_drop, **parameters).judge(material(labels(original), labels(candidate), truth))[0]


def test_no_flips_pass_from_133_examples_on() -> None:
    assert judged((133, 0, 0, 0)).outcome is Outcome.PASS
    verdict = judged((132, 0, 0, 0))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.blocks
    assert verdict.needs_more is not None
    assert verdict.needs_more >= 1


def test_one_loss_needs_222_and_two_losses_300_examples() -> None:
    assert judged((221, 0, 1, 0)).outcome is Outcome.PASS
    assert judged((220, 0, 1, 0)).outcome is Outcome.INCONCLUSIVE
    assert judged((298, 0, 2, 0)).outcome is Outcome.PASS
    assert judged((297, 0, 2, 0)).outcome is Outcome.INCONCLUSIVE


def test_interval_of_a_published_table_is_reported_with_the_sign_of_a_drop() -> None:
    """Tango 1998: (43, 0, 1, 0), 90 %: difference −0.096 to 0.037, so the drop lies between −0.037 and 0.096."""
    found = judged((43, 0, 1, 0)).comparison
    assert found is not None
    assert found.drop.value == pytest.approx(1 / 44)
    assert found.drop.low == pytest.approx(-0.037, abs=5e-4)
    assert found.drop.high == pytest.approx(0.096, abs=5e-4)
    assert (found.gained, found.lost, found.n) == (0, 1, 44)


def test_a_proven_loss_fails_and_names_the_lost_examples() -> None:
    verdict = judged((800, 0, 100, 100))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.blocks
    assert [example.id for example in verdict.worst_examples] == [f"e{i}" for i in range(800, 805)]
    assert verdict.worst_examples[0].target == "yes"
    assert verdict.worst_examples[0].candidate == "no"


def test_a_loss_at_the_margin_says_that_more_examples_would_rather_prove_harm() -> None:
    verdict = judged((90, 0, 3, 7))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "more likely prove harm" in verdict.reason
    assert verdict.needs_more is None


def test_one_lost_segment_fails_alone_while_the_whole_passes() -> None:
    truth, original, candidate = from_counts(4000, 0, 0, 0)
    names = [f"s{i % 20}" for i in range(4000)]
    candidate = [0 if name == "s7" and i < 800 else answer for i, (name, answer) in enumerate(zip(names, candidate, strict=True))]
    verdicts = quality("2pp", segments={"name": {}}).judge(material(labels(original), labels(candidate), truth, {"name": names}))
    whole, segments = verdicts[0], verdicts[1:]
    assert whole.outcome is Outcome.PASS
    assert [v.segment.label for v in segments if v.outcome is Outcome.FAIL] == ["name:s7"]
    assert {v.outcome for v in segments if v.segment.label != "name:s7"} == {Outcome.PASS}


def test_a_suspect_segment_among_many_warns_and_is_marked() -> None:
    """Three lost of 50 is outside 2 points by its interval, and may be chance among 40 segments."""
    names = [f"s{i // 50:02d}" for i in range(2000)]
    candidate = [1] * 2000
    for row in (0, 1, 2, 3):
        candidate[row] = 0
    verdicts = quality("2pp", segments={"name": {}}, max_unproven="100%").judge(
        material(labels([1] * 2000), labels(candidate), [1] * 2000, {"name": names})
    )
    first = verdicts[1]
    assert first.suspect
    assert first.outcome is Outcome.INCONCLUSIVE
    assert not first.blocks
    assert first.reason.startswith("suspect")


def test_a_critical_segment_that_stays_unproven_blocks_and_one_that_vanished_is_an_error() -> None:
    names = ["bn"] * 20 + ["en"] * 480
    check = quality("2pp", segments={"language": {"critical": ["bn", "mr"]}})
    verdicts = check.judge(material(labels([1] * 500), labels([1] * 500), [1] * 500, {"language": names}))
    by_label = {v.segment.label if v.segment else "": v for v in verdicts}
    assert by_label["language:bn"].outcome is Outcome.INCONCLUSIVE
    assert by_label["language:bn"].blocks
    assert by_label["language:mr"].outcome is Outcome.ERROR
    assert "is not in the data" in by_label["language:mr"].reason
    assert by_label["language:en"].outcome is Outcome.PASS


def test_too_many_unproven_segments_fail_the_check_in_the_headline() -> None:
    names = [f"s{i // 10}" for i in range(1000)]
    verdict = quality("2pp", segments={"name": {}}).judge(material(labels([1] * 1000), labels([1] * 1000), [1] * 1000, {"name": names}))[0]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.blocks
    assert "100 of 100 segments unproven" in verdict.reason


def test_rows_on_which_the_candidate_failed_are_wrong_and_counted() -> None:
    status = [RowStatus.OK] * 1000
    status[3] = status[4] = RowStatus.CRASHED
    verdict = quality().judge(material(labels([1] * 1000), labels([1] * 1000, status), [1] * 1000))[0]
    assert verdict.comparison is not None
    assert verdict.comparison.lost == 2
    assert "crashed on 2 examples" in verdict.warnings[0]


def test_an_original_that_fails_on_more_than_a_thousandth_makes_the_measurement_invalid() -> None:
    status = [RowStatus.OK] * 1000
    status[0] = RowStatus.NOT_FINITE
    fine = quality().judge(material(labels([1] * 1000, status), labels([1] * 1000), [1] * 1000))[0]
    assert fine.outcome is Outcome.PASS
    status[1] = RowStatus.NOT_FINITE
    broken = quality().judge(material(labels([1] * 1000, status), labels([1] * 1000), [1] * 1000))[0]
    assert broken.outcome is Outcome.INVALID
    assert broken.blocks


def test_missing_evidence_is_an_error_and_never_a_pass() -> None:
    assert quality().judge(material(None, labels([1]), [1]))[0].outcome is Outcome.ERROR


@pytest.mark.parametrize(("limit", "metric", "words"), [("2pp", "log_loss", "not a proportion"), (0.02, "accuracy", "has no unit")])
def test_a_margin_in_a_unit_that_does_not_fit_the_metric_is_refused(limit: object, metric: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        quality(limit, metric)


def test_a_relative_margin_is_judged_on_the_ratio() -> None:
    """400 of 1000 right against 396: a loss of 1 % of the original's value, 0.4 points."""
    assert judged((396, 0, 4, 600), "4%rel").outcome is Outcome.PASS
    assert judged((300, 0, 100, 600), "4%rel").outcome is Outcome.FAIL
    found = judged((396, 0, 4, 600), "4%rel").comparison
    assert found is not None
    assert found.drop.value == pytest.approx(0.01)
    assert found.margin == pytest.approx(0.04)


def test_the_observed_rule_says_how_often_it_is_wrong() -> None:
    verdict = judged((95, 2, 5, 0), decide="observed")
    assert verdict.outcome is Outcome.FAIL
    assert "fails a model that lost nothing in" in verdict.reason


def test_clusters_widen_the_interval_and_fewer_than_ten_cannot_be_judged() -> None:
    truth, original, candidate = from_counts(450, 10, 10, 30)
    plain = quality().judge(material(labels(original), labels(candidate), truth))[0]
    blocks_of_ten = [i // 10 for i in range(500)]
    clustered = quality().judge(material(labels(original), labels(candidate), truth, clusters=blocks_of_ten))[0]
    assert plain.comparison is not None
    assert clustered.comparison is not None
    assert clustered.comparison.drop.high > plain.comparison.drop.high
    few = quality().judge(material(labels(original), labels(candidate), truth, clusters=[i // 100 for i in range(500)]))[0]
    assert few.outcome is Outcome.INCONCLUSIVE
    assert "cluster" in few.reason


def test_swapping_the_models_mirrors_the_interval() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, 700).tolist()
    one, other = rng.integers(0, 2, 700).tolist(), rng.integers(0, 2, 700).tolist()
    there = quality().judge(material(labels(one), labels(other), truth))[0].comparison
    back = quality().judge(material(labels(other), labels(one), truth))[0].comparison
    assert there is not None
    assert back is not None
    assert there.drop.low == pytest.approx(-back.drop.high)
    assert there.drop.value == pytest.approx(-back.drop.value)


def test_an_underpowered_gate_is_blamed_and_not_the_model() -> None:
    """STATISTICS: at 300 examples and 5 % flips a perfect model passes 2 points in 43 % of runs."""
    verdict = judged((255, 7, 8, 30))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason.startswith("underpowered gate")


def test_an_original_at_chance_is_warned_of() -> None:
    truth = [0, 1] * 500
    constant = labels([1] * 1000)
    (warning,) = (w for w in quality().judge(material(constant, constant, truth))[0].warnings if w.startswith("the original"))
    assert re.search("gives one and the same answer, '.*', to all 1,000 examples; it is right on 50.0 %, not provably better", warning)
    assert "labels" in warning
    good = labels(truth)
    assert quality().judge(material(good, good, truth))[0].warnings == ()


def test_no_change_is_zero_and_not_minus_zero() -> None:
    """JSON tells them apart, and so would a reader."""
    found = judged((200, 0, 0, 0)).comparison
    assert found is not None
    assert str(found.drop.value) == "0.0"


def test_an_original_worse_than_guessing_is_invalid_whatever_the_candidate_does() -> None:
    """Swapped labels: the original is right on 2 %, so a destroyed candidate would look like a gain."""
    truth = [0, 1] * 500
    swapped = [1 - t if i % 50 else t for i, t in enumerate(truth)]
    verdicts = quality(segments={"name": {}}).judge(material(labels(swapped), labels([1] * 1000), truth, {"name": ["a", "b"] * 500}))
    assert {v.outcome for v in verdicts} == {Outcome.INVALID}
    assert "order of the labels" in verdicts[0].reason


def test_an_original_that_trades_accuracy_for_recall_is_not_suspected() -> None:
    """1 % positives, all found, with 5 % false alarms: less accurate than always saying no, and useful."""
    truth = [1 if i % 100 == 0 else 0 for i in range(5000)]
    cautious = [1 if t or i % 20 == 1 else 0 for i, t in enumerate(truth)]
    assert quality().judge(material(labels(cautious), labels(cautious), truth))[0].outcome is Outcome.PASS


def test_margins_of_one_check_share_a_unit() -> None:
    with pytest.raises(UsageError, match="one unit"):
        quality("2pp", segments={"name": {"max_drop": "5%rel"}})


def test_a_segment_is_compared_with_the_whole_and_not_with_zero() -> None:
    """Everything lost three points: segments are suspects by their intervals, and none is worse than the whole."""
    names = [f"s{i % 20:02d}" for i in range(20000)]
    candidate = [0 if i % 33 == 0 else 1 for i in range(20000)]
    verdicts = quality("2.5pp", segments={"name": {}}, max_unproven="100%").judge(
        material(labels([1] * 20000), labels(candidate), [1] * 20000, {"name": names})
    )
    assert verdicts[0].outcome is Outcome.FAIL
    assert not [v for v in verdicts[1:] if v.outcome is Outcome.FAIL]


def test_a_segmentation_has_the_margin_it_was_given() -> None:
    names = ["a"] * 1000 + ["b"] * 1000
    candidate = [0 if i < 30 else 1 for i in range(2000)]
    made = material(labels([1] * 2000), labels(candidate), [1] * 2000, {"name": names})
    tight = quality("2pp", segments={"name": {}}).judge(made)[1]
    loose = quality("2pp", segments={"name": {"max_drop": "6pp"}}).judge(made)[1]
    assert tight.outcome is not Outcome.PASS
    assert loose.outcome is Outcome.PASS
    assert loose.comparison is not None
    assert loose.comparison.margin == pytest.approx(0.06)


def test_critical_segments_of_all_segmentations_are_one_family() -> None:
    """Among 300 segments this loss (p about 2e-3) is lost to Holm; among the two critical ones it is found."""
    names = [f"s{i % 300:03d}" for i in range(30000)]
    other = ["x" if name == "s007" else "y" for name in names]
    lost = [i for i, name in enumerate(names) if name == "s007"][:9]
    candidate = [0 if i in lost else 1 for i in range(30000)]
    made = material(labels([1] * 30000), labels(candidate), [1] * 30000, {"name": names, "other": other})

    def outcome(**rule: object) -> Outcome:
        verdicts = quality("2pp", segments={"name": rule, "other": {}}, max_unproven="100%").judge(made)
        return next(v.outcome for v in verdicts if v.segment and v.segment.label == "name:s007")

    assert outcome() is Outcome.INCONCLUSIVE
    assert outcome(critical=["s007", "s008"]) is Outcome.FAIL


def test_a_critical_segment_below_its_minimum_size_is_an_error() -> None:
    names = ["bn"] * 20 + ["en"] * 480
    made = replace(material(labels([1] * 500), labels([1] * 500), [1] * 500, {"language": names}), minimum_sizes={"language": 50})
    verdicts = quality("2pp", segments={"language": {"critical": ["bn"]}}).judge(made)
    found = next(v for v in verdicts if v.segment and v.segment.label == "language:bn")
    assert found.outcome is Outcome.ERROR
    assert "min_examples (50)" in found.reason


def test_an_original_at_chance_on_a_few_examples_is_not_called_invalid() -> None:
    mostly_wrong = labels([1, 0] + [0, 1] * 4)
    verdict = quality().judge(material(mostly_wrong, mostly_wrong, [1, 0] * 5))[0]
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_the_planner_speaks_of_the_level_of_the_check() -> None:
    """Without flips 2 points take 133 examples at 90 % and 189 at 95 %: z²(1 − m)/m with z = 1.96."""
    assert not quality().hopeless(133, None)
    assert quality(level=0.95).hopeless(188, None)
    assert not quality(level=0.95).hopeless(189, None)


def segments_that_lose(*lost_of_1000: int, max_drop: str = "2pp") -> list[Verdict]:
    """The whole, then one segment of 1,000 examples each."""
    candidate = [int(i >= lost) for lost in lost_of_1000 for i in range(1000)]
    names = [f"s{part}" for part in range(len(lost_of_1000)) for _ in range(1000)]
    made = material(labels([1] * len(candidate)), labels(candidate), [1] * len(candidate), {"name": names})
    return list(quality(max_drop, segments={"name": {}}).judge(made))


def test_a_segment_is_called_worse_than_the_whole_only_when_it_is() -> None:
    """Where the whole lost more than the margin, the second key compares with the margin, and says so."""
    whole, light, heavy = segments_that_lose(100, 400)
    assert {verdict.outcome for verdict in (whole, light, heavy)} == {Outcome.FAIL}
    for verdict in (light, heavy):
        assert "significantly more than the tolerated 2pp (p = " in verdict.reason
        assert "than the whole" not in verdict.reason
    whole, *_, heavy = segments_that_lose(0, 0, 0, 0, 60)
    assert whole.outcome is Outcome.PASS
    assert "significantly worse than the whole (p = " in heavy.reason


def test_a_suspect_by_itself_is_one_segment() -> None:
    names = ["a"] * 50
    made = material(labels([1] * 50), labels([0] * 3 + [1] * 47), [1] * 50, {"name": names})
    found = quality("0.5pp", segments={"name": {}}).judge(made)
    assert not [verdict.reason for verdict in found if "1 segments" in verdict.reason]


@pytest.mark.parametrize("counts", [(2000, 0, 79, 0), (1000, 3, 0, 0), (800, 1, 2, 100), (19000, 20, 30, 400)])
@pytest.mark.parametrize("margin", ["2pp", "3%rel"])
def test_the_sentence_has_the_numbers_of_the_report(counts: tuple[int, ...], margin: str) -> None:
    verdict = judged(counts, margin)
    found = texts(verdict.comparison)
    assert f"{found.drop}{found.unit.suffix}".removeprefix("−") in verdict.reason
    assert f"90 % interval of the drop {found.interval}{found.unit.suffix}" in verdict.reason
    assert "-" not in verdict.reason
    assert "%" not in verdict.reason.replace(" %", "").replace("%rel", "")

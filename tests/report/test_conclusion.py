from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.outcome import Outcome
from harness.core.run import SuiteRecord
from harness.core.segment import Segment
from harness.core.verdict import Verdict
from harness.report.conclusion import finding, group_headline, headline
from harness.report.standing import Standing, check_groups, standing_of, word_of, worst_first
from tests.report.builders import compared, judged, languages_record


def bengali(n: int = 400, lost: int = 60, gained: int = 11, guilty: bool = True) -> Verdict:
    return judged("int4", "accuracy", Segment("language", (("language", "bn"),)), compared(lost, gained, n), guilty)


def whole(candidate: str = "int4", lost: int = 5, gained: int = 5, n: int = 4000) -> Verdict:
    return judged(candidate, "accuracy", None, compared(lost, gained, n))


def record(*verdicts: Verdict, partial: bool = False) -> SuiteRecord:
    return SuiteRecord("languages", "", "suites/languages.yaml", verdicts, partial=partial)


def plain(outcome: Outcome, *, blocks: bool, reason: str = "the reason.", **more: object) -> Verdict:
    return Verdict("languages", "int8", "accuracy", None, outcome, reason, blocks, **more)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("verdict", "standing", "word"),
    [
        (plain(Outcome.PASS, blocks=False), Standing.PASS, "PASS"),
        (plain(Outcome.PASS, blocks=True, expected="known bad"), Standing.UNEXPECTED, "UNEXPECTED PASS"),
        (plain(Outcome.PASS, blocks=False, expected="known bad"), Standing.PASS, "PASS"),
        (plain(Outcome.FAIL, blocks=True), Standing.FAIL, "FAIL"),
        (plain(Outcome.FAIL, blocks=False, expected="known bad"), Standing.EXPECTED, "EXPECTED FAIL"),
        (plain(Outcome.FAIL, blocks=True, expected="known to be unproven"), Standing.FAIL, "FAIL"),
        (plain(Outcome.INCONCLUSIVE, blocks=True), Standing.UNPROVEN, "INCONCLUSIVE"),
        (plain(Outcome.INCONCLUSIVE, blocks=False), Standing.WARNED, "INCONCLUSIVE"),
        (plain(Outcome.INCONCLUSIVE, blocks=False, suspect=True), Standing.SUSPECT, "SUSPECT"),
        (plain(Outcome.INCONCLUSIVE, blocks=True, suspect=True), Standing.BLOCKING_SUSPECT, "SUSPECT"),
        (plain(Outcome.ERROR, blocks=True), Standing.ERROR, "ERROR"),
        (plain(Outcome.INVALID, blocks=True), Standing.INVALID, "INVALID"),
        (plain(Outcome.SKIPPED, blocks=False), Standing.SKIPPED, "SKIPPED"),
    ],
)
def test_standing(verdict: Verdict, standing: Standing, word: str) -> None:
    assert standing_of(verdict) is standing
    assert word_of(verdict) == word
    assert standing.blocks == verdict.blocks


def test_worst_first_puts_what_blocks_before_what_is_open_and_the_whole_before_its_parts() -> None:
    product = replace(bengali(lost=100), segment=Segment("both", (("language", "bn"), ("length", "0..20"))))
    suspect = bengali(guilty=False)
    footprint = replace(plain(Outcome.FAIL, blocks=True), check="footprint")
    assert worst_first([whole(), suspect, footprint, product, bengali()]) == [bengali(), product, footprint, suspect, whole()]


def test_a_lost_segment_is_the_headline() -> None:
    text = headline(record(whole(), bengali(), whole("int8")))
    assert text == ("int4 must not ship: accuracy[language:bn] dropped 12.2pp (90 % interval 8.9 to 15.6), margin 2pp; int8 may ship")


def test_more_findings_are_counted() -> None:
    assert "margin 2pp, and 1 other item blocks" in headline(record(bengali(), bengali()))
    assert "margin 2pp, and 2 other items block" in headline(record(bengali(), bengali(), bengali()))


def test_a_metric_in_which_less_is_better_rises() -> None:
    comparison = compared(60, 11, 400)
    worse = replace(comparison, candidate=replace(comparison.candidate, value=0.99))
    assert finding(replace(bengali(), comparison=worse)).startswith("accuracy[language:bn] rose 12.2pp")


def test_a_failure_inside_the_margin_gives_its_reason_instead() -> None:
    surprise = replace(whole(), outcome=Outcome.FAIL, blocks=True, reason="expected FAIL (known bad), and the worst outcome is PASS.")
    assert finding(surprise) == "accuracy: expected FAIL (known bad), and the worst outcome is PASS"


def test_an_open_question_says_how_many_examples_would_settle_it() -> None:
    verdict = judged("int8", "accuracy", None, compared(6, 4, 200))
    assert headline(record(verdict)) == (
        "int8 is not proven safe: accuracy is not settled: drop 1.0pp (90 % interval −1.6 to 3.6), margin 2pp; "
        "about 640 more examples would settle it if there is truly no drop"
    )


@pytest.mark.parametrize(
    ("verdicts", "partial", "expected"),
    [
        ((whole("int8"), whole("int4")), False, "int8 and int4 may ship"),
        ((whole("int8"), whole("int4")), True, "int8 and int4 pass what was run"),
        ((whole("int8"), bengali(n=60, lost=2, gained=1)), False, "int8 and int4 may ship (1 of 1 segment unproven)"),
        ((whole("int8"), replace(bengali(), expected="known bad", blocks=False)), False, "int8 may ship; int4 fails as expected"),
        ((plain(Outcome.SKIPPED, blocks=False),), False, "int8 was not judged"),
        ((), False, "nothing was judged"),
        ((plain(Outcome.ERROR, blocks=True),), False, "int8 could not be judged: accuracy: the reason"),
        (
            (plain(Outcome.PASS, blocks=True, expected="bad", reason="passed"),),
            False,
            "int8 passed although a failure was announced: accuracy: passed",
        ),
        (tuple(whole(f"c{i}") for i in range(6)), False, "c0, c1 and 4 more may ship"),
    ],
)
def test_headline(verdicts: tuple[Verdict, ...], partial: bool, expected: str) -> None:
    assert headline(record(*verdicts, partial=partial)) == expected


def test_a_check_in_a_few_words() -> None:
    unproven = bengali(n=60, lost=2, gained=1)
    (group,) = check_groups([whole(), unproven, unproven, bengali(n=4000, lost=4, gained=4)])
    assert group_headline(group) == "PASS (2 of 3 segments unproven)"
    (group,) = check_groups([whole(), bengali(), unproven, bengali(guilty=False)])
    assert group_headline(group) == "FAIL (1 of 3 segments, 2 of 3 segments unproven, 1 suspect)"
    (group,) = check_groups([whole(lost=500, gained=0), unproven])
    assert group_headline(group) == "FAIL (1 of 1 segment unproven)"


def test_the_record_of_the_tests_has_every_standing_that_a_report_must_show() -> None:
    found = {standing_of(verdict) for verdict in languages_record().verdicts}
    assert found >= {Standing.FAIL, Standing.WARNED, Standing.EXPECTED, Standing.PASS, Standing.SKIPPED}


def test_among_several_that_must_not_ship_the_largest_loss_leads() -> None:
    mild, severe = whole("int8", lost=400), whole("int4", lost=1600)
    assert headline(record(mild, severe)).startswith("int4 must not ship")
    assert headline(record(severe, mild)).startswith("int4 must not ship")


def test_failing_segments_are_counted_when_the_whole_fails_too() -> None:
    german = judged("int4", "accuracy", Segment("language", (("language", "de"),)), compared(0, 0, 4000), False)
    (group,) = check_groups((whole(lost=1600), bengali(lost=200), german))
    assert group_headline(group) == "FAIL (1 of 2 segments too)"

"""Announced outcomes are strict both ways."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.models import Expectation
from harness.core.outcome import Outcome
from harness.core.verdict import Verdict
from harness.engine.expect import apply

ANNOUNCED = Expectation("FAIL", "known to be bad")


def verdicts(*outcomes: str) -> tuple[Verdict, ...]:
    return tuple(Verdict("s", "c", "accuracy", None, Outcome(o), "because", blocks=o not in ("PASS", "SKIPPED")) for o in outcomes)


def test_announced_failures_no_longer_block_and_carry_the_reason() -> None:
    found = apply(verdicts("FAIL", "PASS", "FAIL", "INCONCLUSIVE"), ANNOUNCED)
    assert [v.expected for v in found] == ["known to be bad", None, "known to be bad", None]
    assert not any(v.blocks for v in found)


def test_a_segment_that_fails_is_enough() -> None:
    found = apply(verdicts("PASS", "PASS", "FAIL"), ANNOUNCED)
    assert [v.expected is not None for v in found] == [False, False, True]


@pytest.mark.parametrize("outcomes", [("PASS", "PASS"), ("INCONCLUSIVE", "INCONCLUSIVE")])
def test_a_candidate_that_does_not_fail_as_announced_blocks(outcomes: tuple[str, ...]) -> None:
    found = apply(verdicts(*outcomes), ANNOUNCED)
    assert found[0].outcome is Outcome.FAIL
    assert found[0].blocks
    assert "expected FAIL (known to be bad)" in found[0].reason


@pytest.mark.parametrize("broken", ["ERROR", "INVALID"])
def test_what_could_not_be_measured_is_never_expected(broken: str) -> None:
    given = verdicts(broken, "FAIL")
    assert apply(given, ANNOUNCED) == given


def test_an_announced_inconclusive_that_fails_blocks() -> None:
    found = apply(verdicts("FAIL"), Expectation("INCONCLUSIVE", "too few examples"))
    assert found[0].blocks


def test_an_announced_pass_lets_nothing_through_that_blocks() -> None:
    found = apply(verdicts("PASS", "INCONCLUSIVE"), Expectation("PASS", "as good as it was"))
    assert found[0].blocks
    assert "expected PASS (as good as it was), and the worst outcome is INCONCLUSIVE" in found[0].reason
    assert found[1].blocks


def test_an_announced_pass_changes_nothing() -> None:
    given = verdicts("PASS", "PASS")
    assert apply(given, Expectation("PASS", "as good as it was")) == given
    unproven = (given[0], replace(verdicts("INCONCLUSIVE")[0], blocks=False))
    assert apply(unproven, Expectation("PASS", "as good as it was")) == unproven


def test_an_announced_inconclusive_beside_passes_holds() -> None:
    found = apply(verdicts("PASS", "INCONCLUSIVE"), Expectation("INCONCLUSIVE", "too few examples"))
    assert [v.outcome for v in found] == ["PASS", "INCONCLUSIVE"]
    assert [v.expected for v in found] == [None, "too few examples"]
    assert not any(v.blocks for v in found)

"""A candidate that is smaller and slower is named in the headline, whatever became of its checks."""

from __future__ import annotations

import pytest

from harness.core.estimate import DISK_BYTES, MEDIAN_RATIO, Figure
from harness.core.outcome import Outcome
from harness.core.run import SuiteRecord
from harness.core.verdict import Verdict
from harness.report.conclusion import headline
from harness.report.tradeoff import smaller_but_slower


def size(before: float | None, after: float | None) -> Figure:
    return Figure("size on disk", before, after, "B", quantity=DISK_BYTES)


def speed(low: float | None, ratio: float | None, high: float | None, where: str = "batch 1") -> Figure:
    return Figure(f"median against the original, {where}", 1.0, ratio, "x", low=low, high=high, quantity=MEDIAN_RATIO)


def verdict(*figures: Figure, outcome: Outcome = Outcome.PASS) -> Verdict:
    return Verdict("s", "int8", "latency", None, outcome, "", outcome is not Outcome.PASS, figures=figures)


def test_it_says_how_much_smaller_and_how_much_slower() -> None:
    said = smaller_but_slower("int8", [verdict(size(1000, 260)), verdict(speed(2.91, 3.14, 3.32))])
    assert said == "int8 is 74 % smaller and slower: its median takes 3.14 times as long (2.91 to 3.32; batch 1)"


def test_of_several_sizes_the_slowest_is_told() -> None:
    said = smaller_but_slower("int8", [verdict(size(100, 50), speed(0.4, 0.5, 0.6), speed(1.5, 1.6, 1.7, "batch 32"))])
    assert said is not None
    assert "1.6 times as long (1.5 to 1.7; batch 32)" in said


@pytest.mark.parametrize(
    "figures",
    [
        (size(1000, 260), speed(0.9, 1.5, 2.0)),
        (size(1000, 260), speed(0.3, 0.4, 0.5)),
        (size(1000, 1000), speed(2, 3, 4)),
        (size(1000, None), speed(2, 3, 4)),
        (speed(2, 3, 4),),
        (size(1000, 260),),
        (size(1000, 260), speed(None, None, None)),
        (),
    ],
)
def test_otherwise_nothing_is_said(figures: tuple[Figure, ...]) -> None:
    assert smaller_but_slower("int8", [verdict(*figures)]) is None


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.FAIL])
def test_the_headline_says_so(outcome: Outcome) -> None:
    record = SuiteRecord("s", "", "s.yaml", (verdict(size(1000, 260), speed(2.91, 3.14, 3.32), outcome=outcome),))
    assert headline(record).endswith("; int8 is 74 % smaller and slower: its median takes 3.14 times as long (2.91 to 3.32; batch 1)")

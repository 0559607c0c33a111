from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.core.comparison import Comparison
from harness.core.estimate import Estimate
from harness.core.numbers import Unit, number, percent, plural, quantity, texts, unit_of


def comparison(
    drop: float, low: float | None, high: float | None, margin: float | None, margin_text: str = "", share: bool = False
) -> Comparison:
    original = Estimate(0.9, 0.88, 0.92)
    return Comparison("m", 400, original, Estimate(0.9 - drop), Estimate(drop, low, high), "by hand", margin, margin_text, share=share)


def test_a_share_is_read_in_per_cent_and_its_drop_in_points() -> None:
    found = texts(comparison(0.123, 0.081, 0.165, 0.02, "2pp", share=True))
    assert (found.original, found.candidate, found.original_interval) == ("90.0 %", "77.7 %", "88.0 to 92.0")
    assert (found.drop, found.interval, found.margin, found.unit) == ("12.3", "8.1 to 16.5", "2", Unit.POINTS)
    assert found.drop_with_interval == "12.3pp (8.1 to 16.5)"
    assert found.level == "90 %"


def test_a_metric_with_a_unit_of_its_own_keeps_it() -> None:
    found = texts(comparison(0.31, 0.12, 0.5, 0.1, "0.1"))
    assert (found.drop, found.interval, found.margin, found.unit) == ("0.31", "0.12 to 0.50", "0.1", Unit.OWN)
    assert found.original == "0.90"


@pytest.mark.parametrize(
    ("margin", "text", "unit"),
    [(0.02, "2%rel", Unit.RELATIVE), (0.0176, "2%rel", Unit.POINTS), (0.02, "2pp", Unit.POINTS), (None, "", Unit.POINTS)],
)
def test_a_relative_margin_is_told_by_whether_it_was_converted(margin: float | None, text: str, unit: Unit) -> None:
    assert unit_of(comparison(0.01, 0.0, 0.02, margin, text, share=True)) is unit


def test_a_relative_margin_on_a_metric_with_its_own_unit_does_not_turn_its_values_into_per_cent() -> None:
    found = texts(replace(comparison(0.01, 0.0, 0.019, 0.02, "2%rel"), original=Estimate(312.4), candidate=Estimate(309.3)))
    assert (found.original, found.drop, found.unit.suffix) == ("312", "1.0", "%rel")


def test_a_number_that_rounds_onto_the_margin_gets_more_decimals() -> None:
    found = texts(comparison(0.005, -0.0099, 0.01996, 0.02, "2pp", share=True))
    assert found.high == "2.00" or found.high == "1.996"
    assert float(found.high) < 2


@given(
    drop=st.floats(-1, 1),
    below=st.floats(0, 0.5),
    above=st.floats(0, 0.5),
    margin=st.floats(0.001, 0.2),
    share=st.booleans(),
)
def test_rounding_never_moves_a_number_across_the_margin(drop: float, below: float, above: float, margin: float, share: bool) -> None:
    found = texts(comparison(drop, drop - below, drop + above, margin, "1pp" if share else "", share=share))
    shown = found.margin
    assert shown is not None
    factor = 100 if share else 1
    for exact, text in ((drop, found.drop), (drop - below, found.low), (drop + above, found.high)):
        assume(abs(exact - margin) * factor > 2e-3)
        assert text is not None
        read = float(text.replace("−", "-").replace(",", ""))
        assert (read > margin * factor) == (exact > margin)


@given(st.floats(-1e9, 1e9), st.integers(0, 6))
def test_a_number_is_rounded_as_python_rounds_and_zero_has_no_sign(value: float, decimals: int) -> None:
    text = number(value, decimals)
    assert float(text.replace("−", "-").replace(",", "")) == pytest.approx(round(value, decimals), abs=10**-decimals * 0.51)
    assert not (text.startswith("−") and float(text.replace("−", "").replace(",", "")) == 0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_missing(bad: float) -> None:
    found = texts(replace(comparison(bad, bad, bad, bad, share=True), original=Estimate(bad, bad, bad)))
    assert {found.original, found.original_interval, found.drop, found.low, found.high, found.margin, found.interval} == {None}


def test_an_interval_that_is_not_estimable_is_missing_and_the_drop_is_not() -> None:
    found = texts(comparison(0.03, None, None, 0.02, "2pp"))
    assert (found.drop, found.interval) == ("3.0", None)
    assert found.drop_with_interval == "3.0pp (no interval)"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1_120_000, "B", "1.12 MB"),
        (0.0123, "s", "12.3 ms"),
        (2.5, "s", "2.5 s"),
        (2.0, "s", "2 s"),
        (0.034, "share", "3.4 %"),
        (0.0004, "share", "0.04 %"),
        (280_000.0, "", "280,000"),
        (0.0042, "nats", "0.0042 nats"),
        (-3.5, "dB", "−3.5 dB"),
        (3.079e-16, "nats", "0 (below 1e-9)"),
        (0.0, "nats", "0 nats"),
        (None, "B", None),
        (float("nan"), "B", None),
        (float("inf"), "dB", None),
    ],
)
def test_a_quantity_with_its_unit(value: float | None, unit: str, expected: str | None) -> None:
    assert quantity(value, unit) == expected


def test_per_cent_has_a_blank_and_one_thing_no_s() -> None:
    assert [percent(0.9), percent(0.4321, 1), percent(-0.02)] == ["90 %", "43.2 %", "−2 %"]
    assert [plural(1, "segment"), plural(2, "segment"), plural(1234, "segment")] == ["1 segment", "2 segments", "1,234 segments"]

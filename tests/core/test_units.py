"""Quantities with units: exact values by fractions, and what is refused."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.units import Change, format_bytes, parse_bytes, parse_change, parse_ratio, parse_seconds, parse_share


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("2pp", Change(0.02, "pp")),
        ("0.5pp", Change(0.005, "pp")),
        ("2 pp", Change(0.02, "pp")),
        ("2%rel", Change(0.02, "%rel")),
        ("70%rel", Change(0.70, "%rel")),
        ("0%rel", Change(0.0, "%rel")),
        (0.1, Change(0.1, "own")),
        (3, Change(3.0, "own")),
        ("0.1", Change(0.1, "own")),
    ],
)
def test_changes(text: object, change: Change) -> None:
    assert parse_change(text) == change


@pytest.mark.parametrize("text", ["2%", "2 %", "0.5%"])
def test_a_bare_per_cent_of_change_is_refused_with_both_alternatives(text: str) -> None:
    number = text.replace(" ", "").removesuffix("%")
    with pytest.raises(ValueError, match="ambiguous") as caught:
        parse_change(text)
    assert f"{number}pp" in str(caught.value)
    assert f"{number}%rel" in str(caught.value)


@pytest.mark.parametrize("text", ["", "pp", "2p", "two pp", "2pp2", "%", "2%%", "nan", "infpp", "1_0pp", True, None, [2], "٢pp%"])
def test_what_is_no_change(text: object) -> None:
    with pytest.raises(ValueError, match="not a change"):
        parse_change(text)


@pytest.mark.parametrize("text", [-1, -0.5, "-2pp", "-2%rel", "-3"])
def test_a_limit_is_not_negative(text: object) -> None:
    with pytest.raises(ValueError, match="negative"):
        parse_change(text)


@pytest.mark.parametrize("text", [float("inf"), float("nan"), "1e999pp", "1e999"])
def test_a_limit_is_finite(text: object) -> None:
    with pytest.raises(ValueError, match="finite"):
        parse_change(text)


@pytest.mark.parametrize("text", ["100pp", "200 pp", "1e6pp"])
def test_points_lie_below_a_hundred(text: str) -> None:
    with pytest.raises(ValueError, match="lies below 100pp"):
        parse_change(text)
    assert parse_change(text.replace("pp", "%rel")).amount >= 1


@given(st.decimals(0, "99.999", places=3), st.sampled_from(["pp", "%rel"]))
def test_a_change_is_shown_as_it_was_written(number: object, unit: str) -> None:
    shown = str(parse_change(f"{number}{unit}"))
    assert shown.endswith(unit)
    assert Fraction(shown.removesuffix(unit)) == Fraction(str(number))


@given(st.integers(0, 100_000))
def test_shares(thousandths: int) -> None:
    assert parse_share(f"{thousandths / 1000}%") == pytest.approx(thousandths / 100_000, abs=1e-12)


def test_a_share_may_be_a_number_from_0_to_1() -> None:
    assert parse_share(0.03) == 0.03
    assert parse_share(1) == 1.0


@pytest.mark.parametrize("text", ["101%", "-1%", 1.5, -0.1, float("nan")])
def test_a_share_lies_between_nothing_and_all(text: object) -> None:
    with pytest.raises(ValueError, match="not between"):
        parse_share(text)


@pytest.mark.parametrize("text", ["3", "3pp", True, None, "3 percent", []])
def test_what_is_no_share(text: object) -> None:
    with pytest.raises(ValueError, match="not a share"):
        parse_share(text)


@pytest.mark.parametrize(("text", "ratio"), [("2x", 2.0), ("0.5x", 0.5), ("1 x", 1.0)])
def test_ratios(text: str, ratio: float) -> None:
    assert parse_ratio(text) == ratio


@pytest.mark.parametrize("text", ["2", 2, "x", "2%", None])
def test_what_is_no_ratio(text: object) -> None:
    with pytest.raises(ValueError, match="not a ratio"):
        parse_ratio(text)


FACTORS = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


@given(st.integers(0, 10**6), st.sampled_from(sorted(FACTORS)))
def test_sizes(hundredths: int, unit: str) -> None:
    exact = Fraction(hundredths, 100) * FACTORS[unit]
    assert abs(parse_bytes(f"{hundredths / 100}{unit}") - exact) <= Fraction(1, 2)


@pytest.mark.parametrize("text", ["500", 500, "500 megabytes", "500mb", "MB", None, "-1B%"])
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("300ms", 0.3), ("2s", 2.0), ("1.5min", 90.0), ("1h", 3600.0), ("5us", 5e-6), ("2 s", 2.0), ("0s", 0.0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_seconds(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize("text", ["300", 300, 3.5, "ms", "2 hours", None, True])
def test_a_duration_has_a_unit(text: object) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_seconds(text)


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 B"), (999, "999 B"), (1000, "1 KB"), (1_234_567, "1.23 MB"), (250_000_000, "250 MB"), (2e9, "2 GB")]
)
def test_sizes_are_shown_with_three_digits(count: float, shown: str) -> None:
    assert format_bytes(count) == shown

from __future__ import annotations

import pytest

from harness.arrays.footprint import Footprint, Weights
from harness.core.estimate import Figure
from harness.report.extras import ReportExtras
from harness.report.figures import change, figure_row, footprint_table


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(1_000_000, 260_000, "−74 %"), (100, 101.5, "+1.5 %"), (100, 100, "0.0 %"), (0, 5, None), (None, 5, None), (5, None, None)],
)
def test_change(before: float | None, after: float | None, expected: str | None) -> None:
    assert change(before, after) == expected


@pytest.mark.parametrize(
    ("figure", "word"),
    [
        (Figure("a", 1, 2), ""),
        (Figure("a", 1, 2, limit="3", met=True), "met"),
        (Figure("a", 1, 2, limit="3", met=False), "not met"),
        (Figure("a", 1, 2, limit="3"), "not settled"),
        (Figure("a", 1, None, limit="3"), "not measured"),
    ],
)
def test_a_limit_that_is_neither_met_nor_missed_says_why(figure: Figure, word: str) -> None:
    assert figure_row(figure).met_word == word


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        (Figure("flip_rate", None, 0.219, "share", low=0.208, high=0.23), "21.9 (20.8 to 23) %"),
        (Figure("load", None, 0.9, "s", low=0.8, high=1.1), "900 ms (800 ms to 1.1 s)"),
        (Figure("x", None, 3.0, low=2.0, high=4.0), "3 (2 to 4)"),
        (Figure("x", None, 3.0, low=2.0), "3"),
        (Figure("x", None, None, low=2.0, high=4.0), None),
    ],
)
def test_an_interval_names_its_unit_once(figure: Figure, shown: str | None) -> None:
    assert figure_row(figure).candidate == shown


def test_a_noise_floor_is_no_basis_for_a_change() -> None:
    assert figure_row(Figure("flip_rate", 0.0004, 0.004, "share")).change is None
    assert figure_row(Figure("kl", 0.00001, 0.004, "nats")).change is None
    assert figure_row(Figure("parameters", 200.0, 100.0)).change == "−50 %"


def test_models_side_by_side_the_original_first() -> None:
    extras = ReportExtras(
        footprints={"int8": Footprint(250, weights=Weights(10, 9, 5, 8.0)), "original": Footprint(1000, weights=Weights(10, 10, 0, 32.0))}
    )
    table = footprint_table(extras)
    assert table is not None
    assert table.header == ("On disk", "Parameters", "Non-zero", "Below 16 bits")
    assert table.rows[0] == ("original", (("1 KB", None), ("10", None), ("10", None), ("0 %", None)))
    assert table.rows[1] == ("int8", (("250 B", "−75 %"), ("10", "0.0 %"), ("9", "−10 %"), ("50 %", None)))


def test_nothing_measured_is_no_table() -> None:
    assert footprint_table(ReportExtras(footprints={"int8": Footprint()})) is None
    assert footprint_table(ReportExtras()) is None

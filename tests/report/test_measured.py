"""Candidates side by side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.estimate import MEDIAN_RATIO, MEDIAN_SECONDS, Figure
from harness.core.run import SuiteRecord
from harness.report import ReportExtras
from harness.report.material import Material
from harness.report.measured import CandidateTable, candidate_table, duration, requests
from tests.report.builders import compared, judged, languages_extras, languages_record, made_candidate, point, run_of


def table_of(record: SuiteRecord, extras: ReportExtras) -> CandidateTable:
    found = candidate_table(Material(run_of(record), record, extras))
    assert found is not None
    return found


def row(table: CandidateTable, name: str) -> dict[str, tuple[str | None, str | None]]:
    cells = dict(table.rows)[name]
    return {title: (cell.value, cell.small) for title, cell in zip(table.header, cells, strict=True)}


def test_every_figure_stands_beside_the_original() -> None:
    table = table_of(languages_record(), languages_extras())
    assert table.header == ("On disk", "gzip", "Parameters", "Non-zero", "Drop of accuracy", "Making took")
    assert [name for name, _ in table.rows] == ["original", "int8", "int4", "int2"]
    int8 = row(table, "int8")
    assert int8["On disk"] == ("298 KB", "−73 %")
    assert int8["gzip"] == ("251 KB", "−76 %")
    assert int8["Parameters"] == ("280,000", "0.0 %")
    assert int8["Non-zero"] == ("268,000", "−4.3 %")
    assert int8["Drop of accuracy"][0] == "0.1pp"
    assert int8["Making took"] == ("12 s", None)
    assert row(table, "int4")["Making took"] == (None, None)
    assert row(table, "original")["On disk"] == ("1.12 MB", None)


def test_the_speed_is_the_median_against_the_original_at_one_size() -> None:
    record = SuiteRecord("s", "", "", (*point("a", 500_000, 4, 0.5), *point("b", 400_000, 8)))
    table = table_of(record, ReportExtras())
    assert table.header == ("On disk", "Drop of accuracy", "Time against the original, batch 1")
    assert row(table, "a")["Time against the original, batch 1"] == ("0.5 ×", "0.485 to 0.52")
    assert row(table, "b")["Time against the original, batch 1"] == (None, None)


def figures(low: float, ratio: float, high: float) -> tuple[Figure, ...]:
    """An original that takes 2 ms at batch 1."""
    return (
        Figure("p50, batch 1", 0.002, 0.002 * ratio, "s", quantity=MEDIAN_SECONDS),
        Figure("p50, batch 8", 0.009, 0.009, "s", quantity=MEDIAN_SECONDS),
        Figure("median against the original, batch 1", None, ratio, "x", low=low, high=high, quantity=MEDIAN_RATIO),
    )


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ((0.4, 0.5, 0.6), "won back after 12,000 requests (10,000 to 15,000)"),  # 12 s / (2 ms × 0.5), and of 0.4 and 0.6
        ((0.9, 0.98, 1.02), "not won back: it is not proven faster"),
    ],
)
def test_the_time_of_making_is_won_back_by_a_faster_model(ratios: tuple[float, float, float], said: str) -> None:
    verdict = judged("int8", "accuracy", None, compared(1, 1, 4_000))
    timed = replace(verdict, check="latency", comparison=None, figures=figures(*ratios))
    record = SuiteRecord("s", "", "", (verdict, timed))
    table = table_of(record, ReportExtras(made=(made_candidate(),)))
    assert row(table, "int8")["Making took"] == ("12 s", said)
    with_energy = replace(made_candidate(), joules=340.4)
    assert row(table_of(record, ReportExtras(made=(with_energy,))), "int8")["Making took"] == ("12 s", f"340 J; {said}")


def test_a_size_that_no_check_measured_is_that_of_the_made_files() -> None:
    record = SuiteRecord("s", "", "", (judged("int8", "accuracy", None, compared(1, 1, 4_000)),))
    assert row(table_of(record, ReportExtras(made=(made_candidate(),))), "int8")["On disk"] == ("298 KB", None)


def test_drops_alone_are_no_table() -> None:
    record = SuiteRecord("s", "", "", (judged("int8", "accuracy", None, compared(1, 1, 4_000)),))
    assert candidate_table(Material(run_of(record), record)) is None


def test_durations() -> None:
    assert [duration(value) for value in (0.0612, 41.811, 119.6, 754.0, 9000.0)] == ["61.2 ms", "41.8 s", "120 s", "12.6 min", "2.5 h"]


def test_numbers_of_requests_are_rounded_up() -> None:
    assert [requests(count) for count in (0.2, 7, 1_201, 45_400_001)] == ["1", "7", "1,300", "46 million"]

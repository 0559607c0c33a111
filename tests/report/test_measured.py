"""Candidates side by side."""

from __future__ import annotations

from harness.core.run import SuiteRecord
from harness.report import ReportExtras
from harness.report.material import Material
from harness.report.measured import CandidateTable, candidate_table, duration
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


def test_a_size_that_no_check_measured_is_that_of_the_made_files() -> None:
    record = SuiteRecord("s", "", "", (judged("int8", "accuracy", None, compared(1, 1, 4_000)),))
    assert row(table_of(record, ReportExtras(made=(made_candidate(),))), "int8")["On disk"] == ("298 KB", None)


def test_drops_alone_are_no_table() -> None:
    record = SuiteRecord("s", "", "", (judged("int8", "accuracy", None, compared(1, 1, 4_000)),))
    assert candidate_table(Material(run_of(record), record)) is None


def test_durations() -> None:
    assert [duration(value) for value in (0.0612, 41.811, 119.6, 754.0, 9000.0)] == ["61.2 ms", "41.8 s", "120 s", "12.6 min", "2.5 h"]

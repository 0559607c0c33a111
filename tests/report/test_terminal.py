from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

from harness.core.outcome import Outcome
from harness.core.run import SuiteRecord
from harness.core.segment import Segment
from harness.core.verdict import Verdict
from harness.report import failure_block, suite_table, suite_text
from tests.report.builders import compared, footprint_verdict, hostile_record, judged, languages_record


def test_a_failure_in_a_few_lines() -> None:
    bengali = judged("int4", "accuracy", Segment("language", (("language", "bn"),)), compared(60, 11, 400), guilty=True)
    lines = failure_block(replace(bengali, reason="it lost Bengali")).splitlines()
    assert lines == [
        "FAIL int4::accuracy[language:bn]",
        "  it lost Bengali",
        "  original   88.0 % (90 % interval 85.3 to 90.7)",
        "  candidate  75.8 % (90 % interval 73.1 to 78.4)",
        "  drop       12.2pp (90 % interval 8.9 to 15.6), margin 2pp",
        "  n = 400, 71 flips: 60 lost, 11 gained",
        "  worst examples: phrase-00000, phrase-00001, phrase-00002, phrase-00003, phrase-00004",
    ]


def test_an_open_verdict_says_how_many_examples_it_needs() -> None:
    text = failure_block(judged("int8", "accuracy", None, compared(6, 4, 200)))
    assert text.startswith("INCONCLUSIVE int8::accuracy\n")
    assert "needs about 640 more examples" in text


def test_limits_that_are_not_met_come_first() -> None:
    lines = failure_block(footprint_verdict("int4", 360_000, False)).splitlines()
    assert lines[2] == "  size on disk: 1.12 MB → 360 KB, limit at least 70 % less: not met"
    assert lines[-1] == "  peak memory: 9.4 MB → –, limit at most 500 MB: not measured"


def test_an_error_without_figures_is_its_reason() -> None:
    verdict = Verdict("s", "int8", "accuracy", None, Outcome.ERROR, "the segment language:bn is not in the data", True)
    assert failure_block(verdict) == "ERROR int8::accuracy\n  the segment language:bn is not in the data"


def test_an_expected_failure_gives_the_reason_that_a_person_gave() -> None:
    verdict = next(v for v in languages_record().verdicts if v.expected is not None)
    assert failure_block(verdict).startswith("EXPECTED FAIL int2::accuracy")
    assert "announced in the suite: per-tensor rounding loses rare scripts" in failure_block(verdict)


def test_one_table_per_suite_with_a_row_per_candidate_and_check() -> None:
    table = suite_table(languages_record())
    assert table.row_count == 8
    text = suite_text(languages_record(), width=240)
    row = next(line for line in text.splitlines() if line.split()[:2] == ["int4", "accuracy"])
    assert "✕ FAIL (4 of 73 segments" in row
    assert "language:bn 14.6 (11.3 to 17.8) FAIL" in row
    assert row.index("2pp") > 0
    assert text.startswith("languages: int4 must not ship: accuracy[language:bn] dropped")
    assert "EXPECTED FAIL" in text
    assert "2 of 3 limits met" in text


def test_a_table_fits_the_width_it_is_given_and_has_colour_only_when_asked() -> None:
    for width in (80, 120):
        assert max(len(line) for line in suite_text(languages_record(), width=width).splitlines()) <= width
    assert "\x1b[" not in suite_text(languages_record())
    assert "\x1b[" in suite_text(languages_record(), colour=True)


def test_user_strings_cannot_drive_the_terminal() -> None:
    record = hostile_record()
    shown = suite_text(record, 200) + "".join(failure_block(verdict) for verdict in record.verdicts)
    assert not {c for c in shown if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2028")}
    assert "[31mred" in shown


def test_rich_markup_in_a_name_is_shown_as_it_is() -> None:
    verdict = judged("[bold]int8[/bold]", "accuracy", None, compared(1, 1, 4000))
    assert "[bold]int8[/bold]" in suite_text(SuiteRecord("s", "", "", (verdict,)), 200)


def test_the_terminal_pieces_load_no_template_engine_and_no_table_until_one_is_drawn() -> None:
    heavy = ("rich", "jinja2", "sqlite3", "numpy")
    code = f"import sys; from harness.report import failure_block; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from harness.core.run import RunRecord, SuiteRecord
from harness.report.extras import ReportExtras
from harness.report.markdown import code, escaped, summary_text
from harness.report.material import Material
from harness.report.text import one_line
from tests.report.builders import HOSTILE, hostile_extras, hostile_record, languages_extras, languages_record, large_record, run_of
from tests.report.strategies import extras, runs

GITHUB_LIMIT = 65_536
ALLOWED = {"<code>", "</code>"}


def parsed(text: str) -> list[Token]:
    return MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough").parse(text)


def inline(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens for child in token.children or []]


def summary(record: SuiteRecord, extra: ReportExtras | None = None) -> str:
    return summary_text(Material(run_of(record), record, extra or ReportExtras()))


def rows_of(tokens: list[Token]) -> list[int]:
    """Number of cells of every table row."""
    rows: list[int] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append(0)
        elif token.type in ("td_open", "th_open"):
            rows[-1] += 1
    return rows


def test_it_opens_with_the_headline_and_shows_what_blocks_before_the_rest() -> None:
    text = summary(languages_record(), languages_extras())
    assert text.startswith("## ✕ languages: int4 must not ship: accuracy&#91;language:bn&#93; dropped")
    assert text.index("### Blocking, suspect and unproven") < text.index("Expected failures") < text.index("Proven within the margin")
    first = text[text.index("### Blocking") :].splitlines()[4]
    assert first.startswith("| ✕ FAIL | <code>int4</code> | <code>accuracy</code> | <code>language:bn</code> | 412 |")
    assert text.count("<details>") == text.count("</details>") == text.count("<summary>") > 2
    assert "per-tensor rounding loses rare scripts" in text


def test_tables_are_tables() -> None:
    rows = rows_of(parsed(summary(languages_record(), languages_extras())))
    assert rows.count(11) > 30
    assert set(rows) <= {2, 5, 7, 8, 11}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_user_string_stays_the_text_it_is(text: str) -> None:
    tokens = inline(parsed(f"| a | b |\n|---|---|\n| {code(text)} | {escaped(text)} |\n"))
    assert {token.content for token in tokens if token.type == "html_inline"} <= ALLOWED
    assert {token.type for token in tokens} <= {"text", "html_inline", "text_special"}
    assert rows_of(parsed(f"| a | b |\n|---|---|\n| {code(text)} | {escaped(text)} |\n")) == [2, 2]


@given(st.text(max_size=60))
def test_any_string_is_literal_text(text: str) -> None:
    tokens = inline(parsed(f"x {escaped(text)}"))
    assert {token.type for token in tokens} <= {"text", "text_special"}
    shown = "".join(token.content for token in tokens)
    assert "".join(shown.split()) == "x" + "".join(one_line(text, 160).split())


def test_hostile_records_bring_no_markup_of_their_own() -> None:
    tokens = parsed(summary(hostile_record(), hostile_extras()))
    blocks = "".join(token.content for token in tokens if token.type == "html_block")
    for tag in ("details", "/details", "summary", "/summary"):
        blocks = blocks.replace(f"<{tag}>", "")
    assert "<" not in blocks
    assert {token.content for token in inline(tokens) if token.type == "html_inline"} <= ALLOWED
    assert not [token for token in inline(tokens) if token.type in ("link_open", "image", "em_open", "strong_open", "code_inline")]
    assert "@everyone" not in summary(hostile_record())


def test_ten_thousand_verdicts_fit_a_comment() -> None:
    text = summary(large_record(10_000))
    assert len(text) < GITHUB_LIMIT
    assert "more, in `index.html` and `result.json`" in text


def test_long_strings_fit_a_comment_and_say_what_was_left_out() -> None:
    record = languages_record()
    noisy = "|*_`<" * 200
    verdicts = tuple(
        replace(v, reason=noisy, candidate=f"{noisy}{v.candidate}", check=noisy, expected=v.expected and noisy) for v in record.verdicts
    )
    text = summary(replace(record, verdicts=verdicts, about=noisy, warnings=(noisy,) * 50), languages_extras())
    assert len(text) < GITHUB_LIMIT
    assert "did not fit here" in text
    assert text.count("<details>") == text.count("</details>")


@settings(deadline=None)
@given(run=runs, extra=extras)
def test_any_record_has_a_summary(run: RunRecord, extra: ReportExtras) -> None:
    text = summary_text(Material(run, run.suites[0], extra))
    assert len(text) < GITHUB_LIMIT
    assert "nan" not in text.lower() or any("nan" in str(v).lower() for v in (run, extra))

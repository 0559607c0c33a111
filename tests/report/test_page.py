"""The page as text: what it holds, and that it asks for nothing. `test_browser.py` opens it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from harness.core.run import RunRecord, SuiteRecord
from harness.core.verdict import WorstExample
from harness.report.extras import ReportExtras
from harness.report.material import Material
from harness.report.page import embedded, page_text
from tests.report.builders import HOSTILE, hostile_extras, hostile_record, languages_extras, languages_record, run_of
from tests.report.strategies import extras, runs, text

VOID = {"meta", "link", "input", "br", "wbr", "img", "hr"}


class Page(HTMLParser):
    """Tags with attributes, text outside scripts, and the content of scripts and styles."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.raw: list[tuple[str, dict[str, str | None], str]] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("script", "style"):
            self.raw.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            name, attributes, content = self.raw.pop()
            self.raw.append((name, attributes, content + data))
        else:
            self.words.append(data)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def page(record: SuiteRecord, extra: ReportExtras | None = None) -> Page:
    return Page(page_text(Material(run_of(record), record, extra or ReportExtras())))


def data_of(found: Page) -> dict:
    (content,) = [content for tag, attributes, content in found.raw if attributes.get("type") == "application/json"]
    return json.loads(content)


def test_every_tag_is_closed_and_every_id_is_there_once() -> None:
    found = page(languages_record(), languages_extras())
    assert found.open == []
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for tag, attributes in found.tags if tag == "a"]
    assert {link[1:] for link in links if link} <= set(ids)


@pytest.mark.parametrize(("record", "extra"), [(languages_record(), languages_extras()), (hostile_record(), hostile_extras())])
def test_nothing_is_asked_for_and_nothing_runs_but_the_page_s_own_script(record: SuiteRecord, extra: ReportExtras) -> None:
    found = page(record, extra)
    for tag, attributes in found.tags:
        assert tag not in ("img", "iframe", "object", "embed", "base", "audio", "video", "details-x")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("src", "href", "action", "srcset", "data"):
            if name in attributes:
                assert attributes[name] == "data:," or str(attributes[name]).startswith("#")
    assert [(tag, attributes.get("type")) for tag, attributes, _ in found.raw] == [
        ("style", None),
        ("script", "application/json"),
        ("script", None),
    ]
    assert "url(" not in found.raw[0][2]
    assert "@import" not in found.raw[0][2]


def test_the_policy_names_exactly_the_style_and_the_script_of_the_page() -> None:
    found = page(languages_record())
    (policy,) = [attributes["content"] for tag, attributes in found.tags if tag == "meta" and "http-equiv" in attributes]
    assert policy is not None
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    digests = {tag: base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() for tag, _, content in found.raw}
    assert rules["default-src"] == "'none'"
    assert rules["style-src"] == f"'sha256-{digests['style']}'"
    assert rules["script-src"] == f"'sha256-{digests['script']}'"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_embedded_data_cannot_leave_its_element(hostile: str) -> None:
    block = str(embedded({hostile: [hostile]}))
    assert not set("<>&\u2028\u2029") & set(block)
    assert json.loads(block) == {hostile: [hostile]}


@given(text)
def test_embedded_data_is_what_it_was(value: str) -> None:
    assert json.loads(embedded([value])) == [value]


def test_hostile_strings_are_words_on_the_page() -> None:
    words = "".join(page(hostile_record(), hostile_extras()).words)
    for text_ in HOSTILE[:5]:
        assert text_ in words
    assert "{{ 7 * 7 }}" in words
    assert "\x1b" not in words
    assert "\u202e" not in words


def test_the_headline_stands_at_the_top_and_in_the_title() -> None:
    found = page(languages_record())
    words = " ".join("".join(found.words).split())
    assert words.startswith("languages: int4 must not ship")
    assert "int4 must not ship: accuracy[language:bn] dropped 14.6pp (90 % interval 11.3 to 17.8), margin 2pp" in words
    assert (
        words.index("What blocks")
        < words.index("Expected failures")
        < words.index("Drops against the margin")
        < words.index("All verdicts")
    )


def test_every_verdict_is_in_the_data_worst_first() -> None:
    record = languages_record()
    data = data_of(page(record))
    assert len(data["rows"]) == len(record.verdicts)
    ranks = [row["s"] for row in data["rows"]]
    assert ranks == sorted(ranks)
    assert (data["rows"][0]["w"], data["rows"][0]["l"]) == ("FAIL", "language:bn")


def test_texts_of_examples_are_shown_only_when_the_record_has_them() -> None:
    record = languages_record()
    shown = tuple(replace(v, worst_examples=(WorstExample("id-1", text="আমি"),)) if v.worst_examples else v for v in record.verdicts)
    assert "আমি" in "".join(page(replace(record, verdicts=shown)).words)
    assert "Text" not in [word.strip() for word in page(record).words]


def test_sections_without_anything_to_show_are_left_out() -> None:
    only = replace(languages_record(), verdicts=languages_record().verdicts[:1])
    ids = {attributes.get("id") for tag, attributes in page(only).tags if tag == "section"}
    assert ids == {"candidates", "blocking", "plot", "verdicts", "method", "environment"}
    words = "".join(page(only).words)
    assert "Nothing blocks." in words


def test_what_is_announced_shows_its_reason_and_figures_show_their_limits() -> None:
    words = " ".join("".join(page(languages_record(), languages_extras()).words).split())
    assert "Announced in the suite: per-tensor rounding loses rare scripts" in words
    assert "at least 70 % less" in words
    assert "Tango score interval, 90 % two-sided" in words
    assert "model:int8" in words
    assert "13,700 85.6 %" in words.replace("13,70085.6", "13,700 85.6")
    assert "gained, 0.4 %" in words


@settings(max_examples=30, deadline=None)
@given(run=runs, extra=extras)
def test_any_record_has_a_page(run: RunRecord, extra: ReportExtras) -> None:
    found = Page(page_text(Material(run, run.suites[0], extra)))
    assert found.open == []
    assert len(data_of(found)["rows"]) == len(run.suites[0].verdicts)

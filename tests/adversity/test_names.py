"""Segment values, labels and ids that were never meant to be names: in node ids, JUnit files, terminals, reports, and to be selected by."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.pytest_plugin.naming import LONGEST, node_name
from tests.adversity.door import Run, harness_run, pytest_run
from tests.adversity.material import project, result

VALUES = [
    *("plain", "münchen", "日本語", "a,b", "a:b", "a::b", "a[b", "a]b", "[", "]", "::", "[0]", "a'b", 'a"b', "a/b", "a\\b", "..", "*", "?"),
    *("new\nline", "tab\there", "cr\rx", "emoji😀", "<script>alert(1)</script>", "&amp;", "-k", "--x", "%s", "{x}", "${HOME}", "@file"),
    *(" lead", "trail ", "(other)", "", "x" * 10_000, "\u202eevil", "\u2028sep", "\x1b[31mred", "\x00nul", "\ud7ff", "a\\nb", "a\nb"),
    *("null", "nan", "None", "True", "007", "7", "7.0", "a|b", "a b", "#hash", "seg:plain", "plain,seg:plain"),
]
EACH = 60
LOST = "a::b"
"""The value whose examples the candidate loses."""

SUITE = """\
schema: 1
suite: odd
report: {examples: text}
original: {outputs: odd.csv, prediction: a}
data:
  test: {source: odd.csv, id: id, target: y, segments: {seg: seg, twice: [seg, group], group: group}}
candidates:
  c: {outputs: odd.csv, prediction: b}
checks:
  accuracy:
    metric: accuracy
    max_drop: 10pp
    segments: {seg: {critical: ["a,b", "a:b", "new\\nline", "(missing)"]}, twice: {critical: ["plain,g,1"]}}
"""


def _id(number: int) -> str:
    return [f"{number:05d}", f"id {number} with blanks", "y" * 5_000 + str(number), f"</script><marquee>{number}"][number % 4]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project(tmp_path_factory.mktemp("names"))
    with (folder / "suites" / "odd.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "seg", "group", "y", "a", "b"])
        for place, value in enumerate(VALUES):
            for number in range(EACH):
                label = f"L{value[:5]}"
                lost = value == LOST and number < 40
                writer.writerow([_id(place * EACH + number), value, "g,1", label, label, "Lplain" if lost else label])
    (folder / "suites" / "odd.yaml").write_text(SUITE)
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return pytest_run(folder, "suites", "-v")


def test_every_value_is_an_item_of_its_own(folder: Path, run: Run) -> None:
    assert len(VALUES) == len(set(VALUES))
    assert len(run.cases) == 1 + 2 * len(VALUES)
    found = [verdict["segment"] for verdict in result(folder, "odd")["verdicts"] if verdict["segmentation"] == "seg"]
    assert sorted(segment["seg"] for segment in found) == sorted(value or "(missing)" for value in VALUES)


def test_exactly_the_lost_value_fails(folder: Path, run: Run) -> None:
    assert run.status == 1
    failed = {key for key, case in run.cases.items() if case.outcome == "failed"}
    assert failed == {"odd.yaml::c::accuracy[seg:a::b]", "odd.yaml::c::accuracy[seg:a::b,group:g,1]"}
    assert {case.outcome for key, case in run.cases.items() if key not in failed} == {"passed"}


def test_critical_values_are_found_whatever_they_hold(folder: Path, run: Run) -> None:
    critical = {verdict["item"] for verdict in result(folder, "odd")["verdicts"] if verdict["critical"]}
    assert critical == {
        "c::accuracy[seg:a,b]",
        "c::accuracy[seg:a:b]",
        "c::accuracy[seg:new\nline]",
        "c::accuracy[seg:(missing)]",
        "c::accuracy[seg:plain,group:g,1]",
    }


def test_two_workers_agree(folder: Path, run: Run) -> None:
    alone = result(folder, "odd")["verdicts"]
    parallel = pytest_run(folder, "suites", "-n", "2")
    assert {key: case.outcome for key, case in parallel.cases.items()} == {key: case.outcome for key, case in run.cases.items()}
    assert sorted(map(json.dumps, result(folder, "odd")["verdicts"])) == sorted(map(json.dumps, alone))


def test_each_node_id_selects_its_item(folder: Path) -> None:
    listed = pytest_run(folder, "suites", "--collect-only", "-q").out.splitlines()
    ids = [line for line in listed if "::" in line and line.startswith("suites/")]
    assert len(ids) == len(set(ids)) == 1 + 2 * len(VALUES)
    run = pytest_run(folder, *ids, "--no-harness-report")
    assert len(run.cases) == len(ids)
    assert "not found" not in run.text


def test_last_failed_runs_what_failed(folder: Path) -> None:
    pytest_run(folder, "suites", "-p", "cacheprovider", "--no-harness-report", "-q")
    again = pytest_run(folder, "suites", "-p", "cacheprovider", "--lf", "--no-harness-report")
    assert set(again.cases) == {"odd.yaml::c::accuracy[seg:a::b]", "odd.yaml::c::accuracy[seg:a::b,group:g,1]"}


def test_no_terminal_is_sent_what_it_would_obey(folder: Path, run: Run) -> None:
    said = run.out + harness_run(folder, "run").text
    assert not {"\x1b", "\x00", "\u202e", "\u2028", "\r"} & set(said)
    assert max(map(len, said.splitlines())) < 2_000


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]


def test_reports_show_markup_and_do_not_obey_it(folder: Path, run: Run) -> None:
    page = (folder / "reports" / "odd" / "index.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page or "\\u003cscript" in page.lower()
    tags = _Tags()
    tags.feed(page)
    assert "marquee" not in tags.found, "ids with </script><marquee> stay text"
    summary = (folder / "reports" / "odd" / "summary.md").read_text(encoding="utf-8")
    assert "<script" not in summary


def test_a_text_that_is_called_like_the_missing_is_not_mixed_with_it(tmp_path: Path) -> None:
    folder = project(tmp_path)
    lines = "".join(f"r{i},{['(missing)', '', 'x'][i % 3]},{i % 2},{i % 2},{i % 2}\n" for i in range(300))
    (folder / "suites" / "rows.csv").write_text("id,group,y,a,b\n" + lines)
    from tests.adversity.material import suite

    suite(folder, "mixed")
    case = pytest_run(folder, "suites").cases["mixed.yaml"]
    assert case.outcome == "error"
    assert "column 'group' holds the text '(missing)' in rows 1, 4, 7, 10, 13 and 95 more and nothing in rows 2, 5" in case.text


@pytest.mark.parametrize("name", ["accuracy", "accuracy[language:bn]", "accuracy[x:a b,y:日本語]", "a" * LONGEST])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert node_name(name) == name


def test_other_names_are_printable_short_and_distinct() -> None:
    odd = [f"accuracy[seg:{value}]" for value in ("a\nb", "a\\nb", "a\rb", "\x00", "\x01", "x" * 1_000, "x" * 1_001, "\ud800")]
    names = [node_name(name) for name in odd]
    assert len(set(names)) == len(odd)
    assert all(name.isprintable() and len(name) < 2 * LONGEST for name in names)
    assert all(name.endswith("]") for name in names)

"""Segments that must be there: critical ones and those of the accepted baseline, whatever they are called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.core.segment import Segment, segment_named, segments_labelled
from tests.adversity.door import InProcess, pytest_run
from tests.adversity.material import RECORDED, outcomes, project, result, suite

SEGMENTS = "lang: lang, len: len, both: [lang, len]"


def write_languages(folder: Path, rows: int = 2_000, without: str = "") -> None:
    lines = ["id,lang,len,y,a,b"]
    for i in range(rows):
        lang = "rare" if i == 77 else ["bn", "mr", "a,b", "x:y"][i % 4]
        if lang != without:
            lines.append(f'{i},"{lang}",{"short" if i % 8 < 4 else "long"},{i % 2},{i % 2},{i % 2}')
    (folder / "suites" / "rows.csv").write_text("\n".join(lines) + "\n")


def languages(folder: Path, name: str, rules: str, segments: str = SEGMENTS) -> None:
    suite(folder, name, RECORDED, ("group: group", segments), ("per: [group]", f"segments: {{{rules}}}"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = project(tmp_path)
    write_languages(folder)
    return folder


def test_what_is_there_passes_and_what_is_not_is_an_error(folder: Path) -> None:
    languages(folder, "product", "both: {critical: ['bn,short', 'a,b,long', 'bn,medium']}")
    languages(folder, "comma", "lang: {critical: ['a,b', 'x:y', 'p,q']}")
    languages(folder, "small", "lang: {critical: [rare]}", "lang: {column: lang, min_examples: 50}")
    languages(folder, "merged", "lang: {critical: [rare]}", "lang: {column: lang, min_examples: 50, otherwise: merge}")
    run = pytest_run(folder, "suites")
    errors = {key: case.text for key, case in run.cases.items() if case.outcome == "error"}
    assert set(errors) == {
        "product.yaml::c::accuracy[lang:bn,len:medium]",
        "comma.yaml::c::accuracy[lang:p,q]",
        "small.yaml::c::accuracy[lang:rare]",
        "merged.yaml::c::accuracy[lang:rare]",
    }
    absent = "is critical and is not in the data"
    assert f"the segment lang:bn,len:medium {absent}; restore its examples" in errors["product.yaml::c::accuracy[lang:bn,len:medium]"]
    assert f"the segment lang:p,q {absent}; restore" in errors["comma.yaml::c::accuracy[lang:p,q]"]
    assert "is critical and has only 1 examples, fewer than min_examples (50)" in errors["small.yaml::c::accuracy[lang:rare]"]
    assert f"{absent}, or has fewer than min_examples (50) there" in errors["merged.yaml::c::accuracy[lang:rare]"]
    assert outcomes(folder, "small")["c::accuracy[lang:rare]"] == "ERROR"
    assert outcomes(folder, "product")["c::accuracy[lang:a,b,len:long]"] == "PASS"


def test_segments_of_the_baseline_that_vanished_are_errors(folder: Path, harness: InProcess) -> None:
    languages(folder, "standing", "lang: {}, both: {}")
    assert harness(folder, "baseline", "accept", "standing", "--note", "first").status == 0
    assert harness(folder, "run").status == 0
    for gone in ("bn", "a,b", "x:y"):
        write_languages(folder, without=gone)
        assert harness(folder, "run").status == 2
        errors = {verdict["item"]: verdict["reason"] for verdict in result(folder, "standing")["verdicts"] if verdict["outcome"] == "ERROR"}
        expected = {f"lang:{gone}", *(f"lang:{gone},len:{length}" for length in ("short", "long"))}
        assert set(errors) == {f"c::accuracy[{label}]" for label in expected}
        assert all("stands in the accepted baseline and is not in the data" in reason for reason in errors.values())
    run = pytest_run(folder, "suites")
    assert {key for key, case in run.cases.items() if case.outcome == "error"} == {f"standing.yaml::{item}" for item in errors}


PARTS = {"lang": ("lang",), "len": ("len",), "both": ("lang", "len")}


@pytest.mark.parametrize(
    ("label", "segment"),
    [
        ("lang:bn", Segment("lang", (("lang", "bn"),))),
        ("lang:a,b", Segment("lang", (("lang", "a,b"),))),
        ("lang:x:y\nz", Segment("lang", (("lang", "x:y\nz"),))),
        ("lang:bn,len:0..20", Segment("both", (("lang", "bn"), ("len", "0..20")))),
        ("lang:a,b,len:", Segment("both", (("lang", "a,b"), ("len", "")))),
    ],
)
def test_a_label_is_read_as_the_segmentation_it_fits(label: str, segment: Segment) -> None:
    assert segments_labelled([label, "other:1"], PARTS) == (segment,)
    assert segment.label == label


def test_critical_values_of_products() -> None:
    assert segment_named("both", ("lang", "len"), "bn,0..20").label == "lang:bn,len:0..20"
    assert segment_named("lang", ("lang",), "a,b").label == "lang:a,b"
    assert segment_named("both", ("lang", "len"), "bn").label == "lang:bn,len:"


def test_a_predicate_that_never_holds_is_unproven(folder: Path) -> None:
    languages(folder, "never", "rare: {}", "rare: {where: \"lang == 'nowhere'\"}")
    run = pytest_run(folder, "suites")
    assert run.cases["never.yaml::c::accuracy"].outcome == "failed"
    assert re.search("1 of 1 segment unproven, more than max_unproven", run.out)

"""`data:` and its `segments:`."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.segment import ByBins, ByColumn, ByPredicate, ByProduct, SegmentationSpec
from tests.spec.fakes import MARK, File, Function, Named, load, marked, spots

TEXT = """\
schema: 1
suite: data
original: {{onnx: a}}
candidates: {{c: {{onnx: b}}}}
checks: {{agreement: 3%}}
data:
  test: {data}
"""


@pytest.mark.parametrize(
    ("written", "kind", "parameters"),
    [
        ("{source: a.csv}", "file", File(path="a.csv")),
        ("{source: a.csv, format: tsv}", "file", File(path="a.csv", format="tsv")),
        ("{source: {path: a.csv, format: tsv}}", "file", File(path="a.csv", format="tsv")),
        ("{source: {file: a.csv}}", "file", File(path="a.csv")),
        ("{source: {file: {path: a.csv}}}", "file", File(path="a.csv")),
        ("{file: a.csv, format: tsv}", "file", File(path="a.csv", format="tsv")),
        ("{source: 2024}", "file", File(path="2024")),
        ("{source: {sklearn: digits}}", "sklearn", Named(name="digits")),
        ("{source: {sklearn: digits, split: train}}", "sklearn", Named(name="digits", split="train")),
        ("{source: {sklearn: digits}, split: train}", "sklearn", Named(name="digits", split="train")),
        ("{sklearn: digits}", "sklearn", Named(name="digits")),
        ("{hf: glue, split: train, id: idx}", "hf", Named(name="glue", split="train")),
        ("{hf: {name: glue, split: train}}", "hf", Named(name="glue", split="train")),
        ("{python: rows:make}", "python", Function(function="rows:make")),
    ],
)
def test_ways_to_write_a_source(tmp_path: Path, written: str, kind: str, parameters: object) -> None:
    found = load(tmp_path, TEXT.format(data=written)).data["test"]
    assert (found.name, found.kind, found.parameters) == ("test", kind, parameters)


def test_fields(tmp_path: Path) -> None:
    found = load(tmp_path, TEXT.format(data="{source: a.csv, id: 1, target: label, role: test, cluster_by: document}")).data["test"]
    assert (found.id, found.target, found.role, found.cluster_by, found.segments) == ("1", "label", "test", "document", ())
    bare = load(tmp_path, TEXT.format(data="{source: a.csv}")).data["test"]
    assert (bare.id, bare.target, bare.role, bare.cluster_by) == (None, None, "test", None)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("‸a.csv", "data 'test' is a mapping of keys, not 'a.csv'"),
        ("{}", "data 'test' comes from nowhere; give it source: a file, or one of file, sklearn, hf, python"),
        ("{id: id}", "data 'test' comes from nowhere"),
        ("{‸sorce: a.csv}", "unknown key 'sorce' in data 'test'; did you mean 'source'?"),
        ("{source: a.csv, ‸hf: b}", "data 'test' comes from both source and hf; keep one"),
        ("{source: {hf: b, ‸sklearn: digits}}", "data 'test' comes from both hf and sklearn; keep one"),
        ("{source: {‸sklern: digits}}", "unknown key 'sklern' in data 'test'; did you mean 'sklearn'?"),
        ("{source: ‸[a.csv]}", "path: expected text, not a list"),
        ("{source: a.csv, format: ‸xls}", "format: expected 'csv', 'tsv' or 'jsonl', not 'xls'"),
        ("{source: a.csv, ‸formt: csv}", "unknown key 'formt' in data 'test'; did you mean 'format'?"),
        ("{source: a.csv, ‸targt: label}", "unknown key 'targt' in data 'test'; did you mean 'target'?"),
        ("{source: a.csv, id: ‸[id]}", "id: expected text, not a list"),
        ("{source: a.csv, id: ‸''}", "id: expected text, not ''"),
        (
            "{source: a.csv, role: ‸tests}",
            "role: expected 'test', 'train', 'validation' or 'calibration', not 'tests'; did you mean 'test'?",
        ),
        ("{source: a.csv, segments: ‸language}", "segments of data 'test' (name: column, or a rule) is a mapping of keys, not 'language'"),
    ],
)
def test_faults_of_a_data_set(tmp_path: Path, written: str, message: str) -> None:
    text = TEXT.format(data=written)
    text, spot = marked(text if MARK in text else text.replace("  test:", f"  {MARK}test:"))
    found = spots(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(f"{spot}: {message}")


def test_a_source_that_misses_its_path_is_told_at_its_key(tmp_path: Path) -> None:
    text, spot = marked(TEXT.format(data="{‸source: {format: csv}}"))
    assert spots(tmp_path, text) == [f"{spot}: data 'test' needs the key 'path'"]


def test_names_of_data_sets(tmp_path: Path) -> None:
    text = TEXT.format(data="{source: a.csv}") + "  a/b: {source: b.csv, role: train}\n"
    assert spots(tmp_path, text) == ["8:3: 'a/b' cannot name a data set: use letters, digits, _, and - or . inside"]


def test_a_suite_without_data(tmp_path: Path) -> None:
    text = TEXT.format(data="x").replace("data:\n  test: x", "data: {}")
    assert "6:1: there is no data set; a suite needs at least one with the role test" in spots(tmp_path, text)


def segmentations(folder: Path, written: str) -> tuple[SegmentationSpec, ...]:
    return load(folder, TEXT.format(data=f"{{source: a.csv, segments: {written}}}")).data["test"].segments


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("language", ByColumn("language")),
        ("7", ByColumn("7")),
        ("{column: language}", ByColumn("language")),
        ("{column: age, edges: [18, 65.5]}", ByBins("age", edges=(18.0, 65.5))),
        ("{column: age, quantiles: 4}", ByBins("age", quantiles=4)),
        ("{column: text, by: words, edges: [5]}", ByBins("text", edges=(5.0,), by="words")),
        ("{column: text, by: bytes, quantiles: 3}", ByBins("text", quantiles=3, by="bytes")),
        ("{column: text, by: tokens, quantiles: 3, tokenizer: t.json}", ByBins("text", quantiles=3, by="tokens", tokenizer="t.json")),
        ("{where: age > 65}", ByPredicate("age > 65")),
        ("{where: \"age in [1, 2] and not (x == 'a')\"}", ByPredicate("age in [1, 2] and not (x == 'a')")),
    ],
)
def test_rules(tmp_path: Path, written: str, rule: object) -> None:
    assert segmentations(tmp_path, f"{{s: {written}}}") == (SegmentationSpec("s", rule),)  # type: ignore[arg-type]  # a rule


def test_options_of_a_segmentation(tmp_path: Path) -> None:
    written = "{a: {column: x, min_examples: 30, otherwise: merge}, b: y, c: [a, b], d: {of: [a, b], min_examples: 5}}"
    assert segmentations(tmp_path, written) == (
        SegmentationSpec("a", ByColumn("x"), 30, "merge"),
        SegmentationSpec("b", ByColumn("y")),
        SegmentationSpec("c", ByProduct(("a", "b"))),
        SegmentationSpec("d", ByProduct(("a", "b")), 5),
    )


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{‸s: }", "segmentation 's' needs column:, where: or of:"),
        ("{‸s: {min_examples: 3}}", "segmentation 's' needs column:, where: or of:"),
        ("{s: {column: a, ‸where: b == 1}}", "segmentation 's' has both column and where; keep one"),
        ("{s: {‸colum: a}}", "unknown key 'colum' in segmentation 's'; did you mean 'column'?"),
        ("{s: {column: a, by: ‸letters}}", "by: expected 'bytes', 'characters', 'words' or 'tokens', not 'letters'"),
        ("{s: {column: a, ‸by: words}}", "by: words makes a length, which needs edges: or quantiles:"),
        ("{s: {column: a, ‸by: tokens, quantiles: 3}}", "by: tokens needs tokenizer:"),
        ("{s: {column: a, ‸tokenizer: t.json}}", "tokenizer belongs to by: tokens"),
        ("{s: {column: a, edges: [1], ‸quantiles: 3}}", "segmentation 's' has both edges and quantiles; keep one"),
        ("{s: {column: a, edges: ‸[]}}", "edges: expected at least 1 entry, not 0"),
        ("{s: {column: a, edges: [1, ‸1]}}", "edges must ascend, and 1 does not lie above 1"),
        ("{s: {column: a, edges: [1, 3, ‸2]}}", "edges must ascend, and 2 does not lie above 3"),
        ("{s: {column: a, edges: [1, ‸two]}}", "edges, item 2: expected a number, not 'two'"),
        ("{s: {column: a, edges: [1, ‸.inf]}}", "edges, item 2: expected a number, not '.inf'"),
        ("{s: {column: a, edges: ‸20}}", "edges: expected a list, not 20"),
        ("{s: {column: a, quantiles: ‸1}}", "quantiles: expected a number of at least 2, not 1"),
        ("{s: {column: a, min_examples: ‸0}}", "min_examples: expected a number of at least 1, not 0"),
        ("{s: {column: a, otherwise: ‸drop}}", "otherwise: expected 'merge' or 'keep', not 'drop'"),
        ("{s: {where: a > 1, ‸edges: [1]}}", "edges belongs to column:, not to where:"),
        ("{s: {where: a ‸= 3}}", "where: cannot read '= 3'; write == to compare, at character 3"),
        ('{s: {where: "a == 1 and ‸3"}}', "where: expected a column name, not the literal 3"),
        ("{s: {where: 'a ==‸'}}", "where: expected a number, a 'text', true or false, not the end"),
        ("{s: {where: ‸'a == ''b'}}", "where: cannot read"),
        ("{s: {where: ‸[a]}}", "where: expected text, not a list"),
        ("{a: x, s: [a, ‸c]}", "there is no segmentation 'c' here; known: a"),
        ("{language: x, s: [language, ‸langage]}", "there is no segmentation 'langage' here; did you mean 'language'?"),
        ("{a: x, s: [a, ‸a]}", "'a' is there twice"),
        ("{a: x, s: [a, ‸s]}", "product 's' is made of itself"),
        ("{a: x, b: y, s: [a, b], t: [a, ‸s]}", "product 't' is made of another product"),
        ("{a: x, s: ‸[a]}", "of: expected at least 2 entries, not 1"),
        ("{‸'a:b': x}", "'a:b' cannot name a segmentation"),
        ("{‸'a,b': x}", "'a,b' cannot name a segmentation"),
    ],
)
def test_faults_of_a_segmentation(tmp_path: Path, written: str, message: str) -> None:
    text, spot = marked(TEXT.format(data=f"{{source: a.csv, segments: {written}}}"))
    found = spots(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(f"{spot}: {message}")


def test_products_of_each_other(tmp_path: Path) -> None:
    text = TEXT.format(data="{source: a.csv, segments: {a: x, s: [a, t], t: [a, s]}}")
    assert len(spots(tmp_path, text)) == 2

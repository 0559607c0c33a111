"""`harness plan` finds what is wrong with files and columns before anything runs, and one suite's trouble is its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.door import Door
from tests.cli.material import only, write_income, write_recorded_suite


def test_a_suite_whose_data_is_missing_does_not_hide_the_plans_of_the_others(recorded: Path, harness: Door) -> None:
    write_income(recorded)
    (recorded / "people.csv").rename(recorded / "peoples.csv")
    said = harness("plan", "suites")
    assert said.status == 2
    assert "suite income\nERROR data 'test' (../people.csv): there is no file people.csv; did you mean 'peoples.csv'?\n" in said.out
    assert "the whole" in said.out
    assert said.out.count("people.csv;") == 1
    document = json.loads(harness("plan", "suites", "--json").out)
    assert [(suite["suite"], len(suite["items"]), len(suite["errors"])) for suite in document["suites"]] == [
        ("income", 0, 1),
        ("recorded", 5, 0),
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("target: income", "target: incme"), "target: there is no column 'incme'; did you mean 'income'?"),
        (("id: person_id", "id: person"), "id: there is no column 'person'"),
        (("{sex: sex}", "{sex: gender}"), "segments: there is no column 'gender'"),
        (("[age, hours]", "[age, hour]"), "is made from column 'hour', which the data 'test' does not have; did you mean 'hours'?"),
        (
            ("../income.int8.onnx", "../income.int4.onnx"),
            "ERROR int8: there is no ONNX model income.int4.onnx; did you mean 'income.int8.onnx'?",
        ),
        (("onnx: ../income.onnx", "onnx: ../incme.onnx"), "ERROR original: there is no ONNX model incme.onnx; did you mean 'income.onnx'?"),
        (('labels: ["0", "1"]', 'labels: ["no", "1"]'), "'0'"),
    ],
)
def test_a_wrong_column_or_file(project: Path, harness: Door, change: tuple[str, str], sentence: str) -> None:
    path = write_income(project)
    assert change[0] in path.read_text()
    path.write_text(path.read_text().replace(*change))
    said = harness("plan")
    assert said.status == 2
    assert sentence in said.out
    assert "suites/.." not in said.out
    assert not list((project / ".harness").glob("evidence/*/part*")), "nothing ran"


def test_a_wrong_column_of_a_recording(recorded: Path, harness: Door) -> None:
    write_recorded_suite(recorded / "suites" / "recorded.yaml", candidates=only("int8").replace("prediction: int8", "prediction: int9"))
    said = harness("plan")
    assert said.status == 2
    assert "ERROR runs.csv has no column 'int9'; did you mean 'int8'?" in said.out.replace("model 'int8': ", "")


@pytest.mark.parametrize(("delimiter", "written"), [(";", '";"'), ("\t", '"\\t"')])
@pytest.mark.parametrize("decimals", [False, True])
def test_a_csv_file_with_another_delimiter(project: Path, harness: Door, delimiter: str, written: str, decimals: bool) -> None:
    path = write_income(project)
    text = (project / "people.csv").read_text().replace(",", delimiter)
    (project / "people.csv").write_text(text.replace(".", ",") if decimals else text)
    said = harness("plan")
    assert said.status == 2
    assert f"add delimiter: {written}" in said.out
    if not decimals:
        path.write_text(path.read_text().replace("../people.csv,", f"../people.csv, delimiter: {written},"))
        assert harness("plan").status == 0


def test_text_where_a_number_belongs_says_what_to_do(project: Path, harness: Door) -> None:
    write_income(project)
    lines = (project / "people.csv").read_text().splitlines()
    fields = lines[5].split(",")
    lines[5] = ",".join([fields[0], "?", *fields[2:]])
    (project / "people.csv").write_text("\n".join(lines) + "\n")
    said = harness("run")
    assert "column 'age' holds '?' there, which is not a number of type float32; turn it into one with a python step" in said.out + said.err

"""`harness report` and `harness schema`."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.cli.door import Door
from tests.cli.material import write_income


def test_pages_are_written_again_alike(recorded: Path, harness: Door) -> None:
    harness("run")
    folder = recorded / "reports" / "recorded"
    before = (folder / "result.json").read_text()
    (folder / "index.html").unlink()
    said = harness("report")
    assert said.status == 0
    assert "recorded: int4 must not ship" in said.out
    assert "int4" in (folder / "index.html").read_text()
    assert json.loads((folder / "result.json").read_text()) == json.loads(before)


def test_by_suite_and_by_file(recorded: Path, harness: Door) -> None:
    harness("run", "--report", "out")
    for wanted in (["recorded", "--report", "out"], ["out/recorded/result.json"]):
        (recorded / "out" / "recorded" / "index.html").unlink()
        assert harness("report", *wanted).status == 0
        assert (recorded / "out" / "recorded" / "index.html").is_file()


def test_open_prints_the_path_alone(recorded: Path, harness: Door) -> None:
    harness("run")
    said = harness("report", "recorded", "--open")
    assert Path(said.out.strip()).resolve() == recorded / "reports" / "recorded" / "index.html"


@pytest.mark.parametrize(
    ("arguments", "hint"), [([], "run: harness run"), (["recorded"], "run: harness run"), (["x.json"], "x.json does not exist")]
)
def test_no_result(recorded: Path, harness: Door, arguments: list[str], hint: str) -> None:
    said = harness("report", *arguments)
    assert said.status == 2
    assert hint in said.err


def test_a_file_that_is_no_result(recorded: Path, harness: Door) -> None:
    (recorded / "x.json").write_text("{}")
    said = harness("report", "x.json")
    assert said.status == 2
    assert "x.json" in said.err


def test_the_schema_of_results_fits_a_result(recorded: Path, harness: Door) -> None:
    schema = json.loads(harness("schema", "result").out)
    harness("run")
    jsonschema.validate(json.loads((recorded / "reports" / "recorded" / "result.json").read_text()), schema)


def test_the_schema_of_suites_accepts_a_suite_and_refuses_an_unknown_key(project: Path, harness: Door) -> None:
    from ruamel.yaml import YAML

    schema = json.loads(harness("schema").out)
    suite = YAML(typ="safe").load(write_income(project).read_text())
    jsonschema.validate(suite, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**suite, "cheks": {}}, schema)


def test_the_schema_goes_to_a_file(project: Path, harness: Door) -> None:
    assert harness("schema", "--write").status == 0
    assert harness("schema", "--output", "here.json").status == 0
    assert (project / "suite.schema.json").read_text() == (project / "here.json").read_text() == harness("schema").out
    said = harness("schema", "--output", "no/such/folder.json")
    assert said.status == 2
    assert "--output" in said.err

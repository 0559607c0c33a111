"""Every example of docs/suite-language.md loads, with the kinds that the harness really has."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from harness.errors import SuiteError
from harness.spec import json_schema, load_suite
from harness.spec.annotations import fields_of
from harness.spec.defaults import shared_settings
from harness.spec.loader import TOP_KEYS
from harness.spec.models import CANDIDATE_KEYS
from harness.spec.shapes import DataShape, InputShape, OutputShape, SegmentationShape
from harness.wiring.registers import registers

DOCUMENT = (Path(__file__).parents[2] / "docs" / "suite-language.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
BASE = """\
schema: 1
suite: base
original: {onnx: fp32.onnx, input: {tokens: text}, output: {type: logits, task: multiclass, labels: labels.txt}}
candidates: {int8: {onnx: int8.onnx}}
data:
  test:
    source: phrases.csv
    segments:
      language: language
      length: {column: text, by: words, quantiles: 4}
      rare: {where: speakers < 1000000}
      both: [language, length]
  train: {source: train.csv, role: train}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp}
  footprint: {max_size: 1MB}
"""
"""What the examples that show only a part are a part of."""


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.partition(":")[0] + str(index) for index, example in enumerate(EXAMPLES)])
def test_example(tmp_path: Path, example: str) -> None:
    (tmp_path / "labels.txt").write_text("bn\nmr\nno\n", encoding="utf-8")
    base = re.sub(r"^original:.*\n", "", BASE, flags=re.MULTILINE) if example.startswith("original:") else BASE
    if "outputs:" in example:  # a recording has no size
        base = re.sub(r"^  footprint:.*\n", "", base, flags=re.MULTILINE)
    (tmp_path / "base.yaml").write_text(base, encoding="utf-8")
    (tmp_path / "s.yaml").write_text(example if "schema:" in example else f"extends: base.yaml\n{example}", encoding="utf-8")
    suite = load_suite(tmp_path / "s.yaml", registers(), {})
    assert suite.candidates
    assert suite.checks


def test_the_mistakes_of_the_introduction(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("bn\nmr\nno\n", encoding="utf-8")
    path = tmp_path / "phrases.yaml"
    path.write_text(EXAMPLES[0].replace("max_drop: 2pp", "max_drop: 2%, sgments: {}"), encoding="utf-8")
    with pytest.raises(SuiteError) as caught:
        load_suite(path, registers(), {})
    assert str(caught.value).replace(str(path), "suites/phrases.yaml") in DOCUMENT


def test_every_key_is_described() -> None:
    kinds = registers()
    described = {*re.findall(r"`([a-z_0-9]+)`", DOCUMENT), *re.findall(r"[`{ ]([a-z_0-9]+):", DOCUMENT)}
    for keys in (TOP_KEYS, CANDIDATE_KEYS, *(fields_of(shape) for shape in (InputShape, OutputShape, DataShape, SegmentationShape))):
        assert set(keys) <= described
    for register in (kinds.models, kinds.sources, kinds.checks, kinds.techniques):
        for kind in register:
            assert {kind.name, *fields_of(kind.parameters)} - {"per"} <= described, kind.name
    assert set(shared_settings(kinds)) <= described


def test_the_whole_example_satisfies_the_schema() -> None:
    document = YAML(typ="safe", pure=True).load(EXAMPLES[0])
    assert list(jsonschema.Draft202012Validator(json_schema(registers())).iter_errors(document)) == []


SUITES = sorted((Path(__file__).parents[2] / "suites").glob("**/*.yaml"))


@pytest.mark.parametrize("path", SUITES, ids=[path.stem for path in SUITES])
def test_the_shipped_suites_satisfy_reader_and_schema(path: Path) -> None:
    suite = load_suite(path, registers(), {})
    assert suite.checks
    document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    assert list(jsonschema.Draft202012Validator(json_schema(registers())).iter_errors(document)) == []

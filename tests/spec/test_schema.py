"""The JSON Schema, checked by an independent implementation of JSON Schema."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from harness.catalogue import Kind, Kinds
from harness.spec import Registers, json_schema, schema_text
from tests.spec.fakes import REGISTERS, SMALL
from tests.spec.test_suite import FULL, RECORDED

SCHEMA = json_schema(REGISTERS)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def refused(text: str) -> list[list[str | int]]:
    """Where the schema finds fault, as paths."""
    return [list(error.absolute_path) for error in VALIDATOR.iter_errors(YAML(typ="safe", pure=True).load(text))]


def test_it_is_a_schema_of_draft_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_reference_leads_somewhere() -> None:
    found: set[str] = set()

    def collect(node: Any) -> None:
        if isinstance(node, dict):
            found.update([node["$ref"]] if "$ref" in node else [])
            for value in node.values():
                collect(value)
        elif isinstance(node, list):
            for value in node:
                collect(value)

    collect(SCHEMA)
    assert found
    for reference in found:
        node: Any = SCHEMA
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
        assert isinstance(node, dict)


def test_the_text_is_the_schema_and_always_the_same() -> None:
    assert json.loads(schema_text(REGISTERS)) == SCHEMA
    assert schema_text(REGISTERS) == schema_text(REGISTERS)
    assert schema_text(REGISTERS).endswith("}\n")


@pytest.mark.parametrize("text", [SMALL, FULL, RECORDED])
def test_suites_without_faults(text: str) -> None:
    assert refused(text) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("prediction: int8", "prediction: 8"),
        ("prediction: int8", 'scores: {0: "a", 1: "b"}'),
        ("outputs: runs.csv, prediction: int8", "onnx: {path: a.onnx, threads: 2}"),
        ("outputs: runs.csv, prediction: int8", "onnx: a.onnx, threads: 2"),
        ("outputs: runs.csv, prediction: int8", 'onnx: a.onnx, threads: "${THREADS:-2}", timeout: "${T}"'),
        ("outputs: runs.csv, prediction: int8", "compress: [fold, {quantize: {mode: static, bits: 4}}, {quantize: weights}], from: x"),
        ("outputs: runs.csv, prediction: int8", "onnx: a, timeout: 3s, batch_size: 2, expect: {accuracy: {outcome: FAIL, reason: r}}"),
        ("source: runs.csv", "sklearn: digits, split: train"),
        ("source: runs.csv", "source: {hf: {name: glue}}"),
        ("source: runs.csv", "source: {path: a.csv, format: csv}"),
        ("language: language", "l: {column: x, by: words, edges: [1, 2.5], min_examples: 3}, w: {where: a > 1}, p: [l, w]"),
        ("metric: accuracy", "metric: {f1: {average: micro}}"),
        ("metric: accuracy", "metric: {top_k: 5}"),
        ("max_drop: 2pp", "max_drop: 0.5"),
        ("max_drop: 2pp", "max_drop: 2pp, per: [language], data: test, segments: {a: , b: {critical: [0, no]}}"),
        ("accuracy: {metric: accuracy, max_drop: 2pp}", "agreement: 3%"),
        ("accuracy: {metric: accuracy, max_drop: 2pp}", "agreement: {max_kl: 1}"),
        ("accuracy: {metric: accuracy, max_drop: 2pp}", "close: {kind: agreement, max_kl: 1}"),
        (
            "suite: small",
            "suite: small\ndefaults: {timeout: 3s, max_drop: 2pp, min_examples: 3}\nrequires: [gpu]\nreport: {examples: text}",
        ),
    ],
)
def test_other_ways_to_write_them(old: str, new: str) -> None:
    assert old in SMALL
    assert refused(SMALL.replace(old, new)) == []


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("schema: 1", "schema: 2", ["schema"]),
        ("suite: small", "suite: a b", ["suite"]),
        ("suite: small", "suite: small\nabuot: x", []),
        ("prediction: int8", "predicton: int8", ["candidates", "int8"]),
        ("outputs: runs.csv, prediction: int8", "onnx: {path: a, threds: 1}", ["candidates", "int8", "onnx"]),
        ("outputs: runs.csv, prediction: int8", "onnx: a, batch_size: many", ["candidates", "int8", "batch_size"]),
        ("outputs: runs.csv, prediction: int8", "onnx: a, timeout: 60", ["candidates", "int8", "timeout"]),
        ("outputs: runs.csv, prediction: int8", "compress: [{quantise: static}]", ["candidates", "int8", "compress", 0]),
        ("outputs: runs.csv, prediction: int8", "compress: [{quantize: {bits: 8}}]", ["candidates", "int8", "compress", 0]),
        ("outputs: runs.csv, prediction: fp32", "onnx: a, expect: {}", ["original"]),
        ("id: id", "role: tset", ["data", "test", "role"]),
        ("language: language", "l: {column: x, by: letters}", ["data", "test", "segments", "l"]),
        ("max_drop: 2pp", "max_dorp: 2pp", ["checks", "accuracy"]),
        ("max_drop: 2pp", "max_drop: 2%", ["checks", "accuracy"]),
        ("metric: accuracy", "metric: acuracy", ["checks", "accuracy"]),
        ("metric: accuracy, ", "", ["checks", "accuracy"]),
    ],
)
def test_mistakes_an_editor_can_show(old: str, new: str, path: list[str | int]) -> None:
    assert old in SMALL
    assert path in refused(SMALL.replace(old, new))


def test_a_suite_that_extends_another_may_leave_anything_out() -> None:
    assert refused("schema: 1\nsuite: x\nextends: base.yaml\nchecks: {accuracy: {max_drop: 1pp}}\n") == []
    assert refused("schema: 1\nsuite: x\nchecks: {accuracy: {max_drop: 1pp}}\n")
    assert refused("schema: 1\nsuite: x\nextends: base.yaml\nabuot: x\n") == [[]]


def test_no_kinds_at_all() -> None:
    empty: Kinds[Any] = Kinds("kind")
    jsonschema.Draft202012Validator.check_schema(json_schema(Registers(empty, empty, empty, empty, empty)))


def test_a_parameter_that_json_schema_cannot_express_accepts_anything() -> None:
    from pydantic import SkipValidation

    from harness.catalogue import Parameters

    class Odd(Parameters):
        thing: SkipValidation[complex | object]
        other: type

    models: Kinds[Any] = Kinds("model kind")
    models.register(Kind("odd", Odd, object()))
    schema = json_schema(Registers(models, REGISTERS.sources, REGISTERS.metrics, REGISTERS.checks, REGISTERS.techniques))
    text = SMALL.replace("outputs: runs.csv, prediction: fp32", "odd: {thing: 1, other: x}").replace(
        "outputs: runs.csv, prediction: int8", "odd: {thing: [], other: 3}"
    )
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(YAML(typ="safe", pure=True).load(text))) == []

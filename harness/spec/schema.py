"""The JSON Schema of the suite language, generated from the types that read it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from pydantic_core import core_schema

from harness.catalogue import Kind, Kinds
from harness.catalogue.refs import METRIC_SCHEMA
from harness.spec import shapes
from harness.spec.annotations import fields_of
from harness.spec.checks import QUALITY
from harness.spec.data import DATA_KEYS, FILE
from harness.spec.defaults import MODEL_DEFAULTS, NEVER_SHARED, SEGMENT_DEFAULTS
from harness.spec.models import CANDIDATE_KEYS, COMMON_KEYS
from harness.spec.registers import Registers

Schema = dict[str, Any]

TITLE = "A suite: an original model, its candidates, data, and checks"
_TEXT: Schema = {"type": "string"}
_NOTHING: Schema = {"type": "null"}
_VARIABLE: Schema = {"type": "string", "pattern": r"\$\{[A-Za-z_]"}
_JUDGE = "each_step: quality checks also look at the model after every step of compress, and name the step that broke a segment."


def json_schema(registers: Registers) -> Schema:
    """JSON Schema (draft 2020-12) of a suite file that may use the kinds in `registers`.

    An editor checks with it. It is looser than `load_suite` where one part depends on another; and a suite that
    extends another may leave anything out.
    """
    generated = _Generated(registers)
    properties = generated.top()
    full: Schema = {"properties": properties, "required": ["original", "candidates", "data", "checks"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        "type": "object",
        "required": ["schema", "suite"],
        "properties": dict.fromkeys(properties, True),
        "additionalProperties": False,
        "if": {"required": ["extends"]},
        "then": {"properties": {key: properties[key] for key in ("schema", "suite", "about", "report", "requires", "extends")}},
        "else": full,
        "$defs": generated.definitions,
    }


def schema_text(registers: Registers) -> str:
    """`json_schema` as the text of a file."""
    return json.dumps(json_schema(registers), indent=2, ensure_ascii=False) + "\n"


class _Generator(GenerateJsonSchema):
    """A parameter type that JSON Schema cannot express accepts anything."""

    def handle_invalid_for_json_schema(self, schema: core_schema.CoreSchema, error_info: str) -> Schema:
        return {}


class _Generated:
    """The parts of the schema, each made once."""

    def __init__(self, registers: Registers) -> None:
        self._registers = registers
        kinds = [kind for register in _all(registers) for kind in register]
        fixed = [shape for shape in vars(shapes).values() if isinstance(shape, type) and issubclass(shape, BaseModel)]
        types = list(
            dict.fromkeys([*(kind.parameters for kind in kinds), *(shape for shape in fixed if shape.__module__ == shapes.__name__)])
        )
        mode: JsonSchemaMode = "validation"
        self._of, defined = models_json_schema([(each, mode) for each in types], schema_generator=_Generator)
        self.definitions: Schema = {name: _loosened(schema) for name, schema in defined.get("$defs", {}).items()}
        self.definitions["metric"] = self._metric()
        self.definitions = _with_metric(self.definitions)

    def top(self) -> Schema:
        """The top-level keys."""
        head = self._fields(shapes.HeadShape)
        return {
            **head,
            "extends": {**_TEXT, "description": "A YAML file, relative to this one, whose settings this suite takes over and changes."},
            "defaults": self._defaults(),
            "original": self._model(COMMON_KEYS),
            "candidates": _mapping(self._model(CANDIDATE_KEYS), least=1),
            "data": _mapping(self._data(), least=1),
            "checks": self._checks(),
        }

    def _type(self, model: type[BaseModel]) -> Schema:
        return dict(self._of[model, "validation"])

    def _name(self, model: type[BaseModel]) -> str:
        return str(self._type(model)["$ref"]).rsplit("/", 1)[-1]

    def _definition(self, model: type[BaseModel]) -> Schema:
        return dict(self.definitions[self._name(model)])

    def _fields(self, model: type[BaseModel]) -> Schema:
        """References to the fields of a type, each by its name."""
        name = self._name(model)
        return {field: {"$ref": f"#/$defs/{name}/properties/{field}"} for field in self._definition(model).get("properties", {})}

    def _define(self, name: str, schema: Schema) -> Schema:
        """`schema` kept under `$defs`, and what refers to it."""
        self.definitions[name] = schema
        return {"$ref": f"#/$defs/{name}"}

    def _kind(self, kind: Kind[Any]) -> Schema:
        """What may stand behind the key of a kind."""
        ways = [self._type(kind.parameters)]
        if kind.shorthand is not None:
            name = next(name for name, field in kind.parameters.model_fields.items() if kind.shorthand in (name, field.alias))
            ways.insert(0, self._fields(kind.parameters)[kind.parameters.model_fields[name].alias or name])
        if not self._definition(kind.parameters).get("required"):
            ways.append(_NOTHING)
        return _any(ways)

    def _with_parameters_beside(self, kinds: Kinds[Any], own: Schema) -> Schema:
        """A mapping with the key of a kind, that kind's parameters beside it, and keys of its own."""
        beside: dict[str, list[Schema]] = {}
        for kind in kinds:
            for name, schema in self._fields(kind.parameters).items():
                beside.setdefault(name, []).append(schema)
        properties = {name: _any(ways) for name, ways in beside.items()}
        properties |= {kind.name: self._kind_beside(kind) for kind in kinds}
        return {"type": "object", "properties": {**properties, **own}, "additionalProperties": False}

    def _kind_beside(self, kind: Kind[Any]) -> Schema:
        """Like `_kind`, with nothing required: the rest may stand beside it."""
        name = self._name(kind.parameters)
        loose = {"type": "object", "properties": self._fields(kind.parameters), "additionalProperties": False}
        ways = [way for way in _ways(self._kind(kind)) if way != self._type(kind.parameters)]
        return _any([self._define(f"{name}-in-part", loose), *ways])

    def _model(self, keys: Iterable[str]) -> Schema:
        fields = self._fields(shapes.ModelShape)
        expectation = self._type(shapes.ExpectationShape)
        own: Schema = {
            "input": _mapping(_any([_TEXT, self._type(shapes.InputShape)]), least=1),
            "output": self._type(shapes.OutputShape),
            "timeout": fields["timeout"],
            "batch_size": fields["batch_size"],
            "compress": {"type": "array", "minItems": 1, "items": self._step()},
            "from": {**_TEXT, "description": "The candidate that compress starts from; the original by default."},
            "judge": {"description": _JUDGE, **_any([{"enum": ["each_step", "end"]}, _VARIABLE])},
            "expect": _mapping(expectation),
        }
        own = {key: self._define(f"model-{key}", schema) for key, schema in own.items()}
        return self._with_parameters_beside(self._registers.models, {key: own[key] for key in keys})

    def _step(self) -> Schema:
        techniques = {kind.name: self._kind(kind) for kind in self._registers.techniques}
        one = {"type": "object", "properties": techniques, "additionalProperties": False, "minProperties": 1, "maxProperties": 1}
        return _any([{"enum": list(techniques)}, one]) if techniques else one

    def _metric(self) -> Schema:
        metrics = {kind.name: self._kind(kind) for kind in self._registers.metrics}
        one = {"type": "object", "properties": metrics, "additionalProperties": False, "minProperties": 1, "maxProperties": 1}
        return _any([{"enum": list(metrics)}, one]) if metrics else one

    def _data(self) -> Schema:
        sources = self._registers.sources
        named = {"type": "object", "properties": {kind.name: self._kind_beside(kind) for kind in sources}}
        ways: list[Schema] = [named, *([self._kind(sources.get(FILE))] if FILE in sources else [])]
        segmentation = _any([_TEXT, {"type": "array", "items": _TEXT, "minItems": 2}, self._type(shapes.SegmentationShape)])
        own = {**self._fields(shapes.DataShape), "source": _any(ways), "segments": _mapping(segmentation)}
        return self._with_parameters_beside(sources, {**{key: own[key] for key in DATA_KEYS}, "source": own["source"]})

    def _checks(self) -> Schema:
        kinds = list(self._registers.checks)
        explicit = self._define("check", _any([self._check(kind, named=False) for kind in kinds]))
        by_name = {kind.name: _any([self._define(f"check-{kind.name}", self._check(kind, named=True)), explicit]) for kind in kinds}
        return {"type": "object", "minProperties": 1, "properties": by_name, "additionalProperties": explicit}

    def _check(self, kind: Kind[Any], *, named: bool) -> Schema:
        """A check of one kind; unless its name says the kind, `kind:` must (or `metric:`, for quality)."""
        definition = self._definition(kind.parameters)
        properties = {**self._fields(kind.parameters), "kind": {"const": kind.name}, "data": _TEXT}
        if "segments" in properties:
            segments = definition["properties"]["segments"]
            rules = _any([segments.get("additionalProperties", {}), _NOTHING])
            properties["segments"] = {**segments, "additionalProperties": rules}
            properties["per"] = _any([_TEXT, {"type": "array", "items": _TEXT}])
        required = [*definition.get("required", []), *([] if named or kind.name == QUALITY else ["kind"])]
        check: Schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        shorthand = [way for way in _ways(self._kind(kind)) if way != self._type(kind.parameters)] if named else []
        return _any([check, *shorthand])

    def _defaults(self) -> Schema:
        settings: dict[str, list[Schema]] = {}
        sources: list[tuple[type[BaseModel], tuple[str, ...]]] = [
            (shapes.ModelShape, MODEL_DEFAULTS),
            (shapes.SegmentationShape, SEGMENT_DEFAULTS),
        ]
        of_checks = [(kind.parameters, tuple(fields_of(kind.parameters))) for kind in self._registers.checks]
        for model, names in [*sources, *of_checks]:
            fields = self._fields(model)
            for name in names:
                if name not in NEVER_SHARED:
                    settings.setdefault(name, []).append(fields[name])
        properties = {name: _any(ways) for name, ways in settings.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}


def _all(registers: Registers) -> tuple[Kinds[Any], ...]:
    return registers.models, registers.sources, registers.metrics, registers.checks, registers.techniques


def _mapping(values: Schema, least: int = 0) -> Schema:
    return {"type": "object", "additionalProperties": values, **({"minProperties": least} if least else {})}


def _any(ways: list[Schema]) -> Schema:
    distinct = [way for index, way in enumerate(ways) if way not in ways[:index]]
    if not distinct:
        return {"not": {}}
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _ways(schema: Schema) -> list[Schema]:
    return list(schema.get("anyOf", [schema]))


def _loosened(node: Any) -> Any:
    """Texts may be written as numbers or true/false, and anything may come from the environment."""
    if isinstance(node, list):
        return [_loosened(item) for item in node]
    if not isinstance(node, dict):
        return node
    loose = {key: _loosened(value) for key, value in node.items() if key != "default" and not _noise(key, value)}
    if loose.get("type") == "string" and not {"enum", "const", "pattern"} & loose.keys():
        return {**loose, "type": ["string", "number", "boolean"]}
    if loose.get("type") in ("integer", "number", "boolean") or "enum" in loose or "const" in loose or "pattern" in loose:
        notes = {key: loose.pop(key) for key in ("description",) if key in loose}
        return {**notes, "anyOf": [loose, _VARIABLE]}
    return loose


def _noise(key: str, value: object) -> bool:
    """Titles and formats that pydantic derives from names and types, and that say nothing more than these."""
    return key in ("title", "format") and isinstance(value, str)


def _with_metric(node: Any) -> Any:
    """The metrics where a `MetricRef` stands."""
    if isinstance(node, list):
        return [_with_metric(item) for item in node]
    if isinstance(node, dict):
        if node.get("$comment") == METRIC_SCHEMA["$comment"]:
            return {"$ref": "#/$defs/metric"}
        return {key: _with_metric(value) for key, value in node.items()}
    return node

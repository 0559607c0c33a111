"""The arguments of `compare` as the suite they stand for, read by the same reader as suite files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import wiring
from harness.api.predictions import as_array, in_memory, recording, write_columns, write_recording
from harness.core.suite import Suite
from harness.errors import SuiteError, UsageError
from harness.ports.data import Dataset
from harness.spec import load_suite
from harness.wiring.sessions import check_of

_SUITE = "comparison"
_DATA = "test"
_SOURCE_KEYS = ("source", "file", "hf", "sklearn", "python")


@dataclass(frozen=True)
class Assembly:
    """What `compare` was called with."""

    original: Any
    candidate: Any
    data: Any
    metric: Any
    max_drop: Any
    target: str | None
    id: str | None
    segments: Any
    input: Mapping[str, Any] | None
    output: Mapping[str, Any] | None
    check: Mapping[str, Any] | None

    @property
    def recorded(self) -> bool:
        """Whether both models are given by predictions in memory."""
        return in_memory(self.original) and in_memory(self.candidate)

    def document(self, scratch: Path) -> dict[str, Any]:
        """The suite as a mapping; columns in memory are written to `scratch`."""
        segments = _segments(self.segments)
        checks = {"metric": self.metric, "max_drop": self.max_drop, **({"per": list(segments)} if segments else {}), **(self.check or {})}
        return {
            "schema": 1,
            "suite": _SUITE,
            "original": self._original(scratch),
            "data": {_DATA: self._data(scratch, segments)},
            "candidates": {"candidate": self._model(self.candidate, scratch, "candidate")},
            "checks": {_name(self.metric): checks},
        }

    def write_predictions(self, scratch: Path, dataset: Callable[[str], Dataset]) -> None:
        """Write predictions in memory as recordings, under the ids of the data."""
        for name, answers in (("original", self.original), ("candidate", self.candidate)):
            if in_memory(answers):
                write_recording(scratch / f"{name}.parquet", as_array(answers, name), dataset(_DATA), name)

    def _original(self, scratch: Path) -> dict[str, Any]:
        described = self._model(self.original, scratch, "original")
        if self.input is not None:
            described["input"] = _plain(self.input)
        declared = self._declared()
        if declared is not None and "output" not in described:
            described["output"] = _plain(declared)
        return described

    def _model(self, model: Any, scratch: Path, name: str) -> dict[str, Any]:
        if isinstance(model, Mapping):
            return dict(_plain(model))
        if in_memory(model):
            return recording(as_array(model, name), scratch / f"{name}.parquet", self.output, name)
        if Path(model).suffix.lower() != ".onnx":
            raise UsageError(
                f"{name}: {str(model)!r} is not an .onnx file; describe other models as a suite does, such as {{'outputs': …}}"
            )
        return {"onnx": str(model)}

    def _declared(self) -> Mapping[str, Any] | None:
        """What the answers mean: as the caller says; else numbers that are not whole are values, and other answers labels."""
        if self.output is not None:
            return self.output
        given = [as_array(answers, "predictions") for answers in (self.original, self.candidate) if in_memory(answers)]
        numbers = bool(given) and all(answers.ndim == 1 and answers.dtype.kind == "f" for answers in given)
        return {"type": "values", "task": "regression"} if numbers else None

    def _data(self, scratch: Path, segments: Mapping[str, Any]) -> dict[str, Any]:
        extra = {"id": self.id, "target": self.target, "segments": dict(segments)}
        described = {key: value for key, value in extra.items() if value}
        if isinstance(self.data, (str, Path)):
            return {"source": str(self.data), **described}
        if not isinstance(self.data, Mapping):
            raise UsageError(f"data is a path, a mapping as in a suite, or columns by name, not {type(self.data).__name__}")
        if any(isinstance(self.data.get(key), (str, Path, Mapping)) for key in _SOURCE_KEYS):
            return {**_plain(self.data), **described}
        path = scratch / "data.parquet"
        write_columns(path, self.data)
        return {"source": str(path), **described}


def as_suite(described: Assembly, scratch: Path) -> Suite:
    """The suite; relative paths in it start at the working folder. `UsageError` with everything that is wrong."""
    path = scratch / f"{_SUITE}.yaml"
    document = _absolute_labels(described.document(scratch))
    try:
        # JSON is YAML. No variables: a text with a $ in an argument is that text.
        path.write_text(json.dumps(document, default=str).replace("${", "$${"), encoding="utf-8")
        suite = load_suite(path, wiring.registers(), {})
    except SuiteError as error:
        raise UsageError("compare: " + "; ".join(fault.message for fault in error.faults)) from None
    suite = replace(suite, path=Path.cwd() / f"{_SUITE}.yaml")
    if any(model.steps for model in suite.candidates):
        raise UsageError("compare: a candidate made by compress: needs a suite file; write one and use harness.api.run")
    for spec in suite.checks:
        check_of(spec, suite)
    return suite


def _segments(segments: Any) -> dict[str, Any]:
    if isinstance(segments, Mapping):
        return dict(_plain(segments))
    named = (segments,) if isinstance(segments, str) else tuple(segments)
    return {name: name for name in named}


def _name(metric: Any) -> str:
    return str(next(iter(metric), "")) if isinstance(metric, Mapping) else str(metric)


def _plain(value: Any) -> Any:
    """Paths as text, everything else as it is."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _absolute_labels(document: dict[str, Any]) -> dict[str, Any]:
    """A file of labels is read while the suite is, and then relative paths start at the suite's own folder."""
    for model in (document["original"], document["candidates"]["candidate"]):
        output = model.get("output")
        if isinstance(output, Mapping) and isinstance(output.get("labels"), str):
            model["output"] = {**output, "labels": str(Path.cwd() / output["labels"])}
    return document

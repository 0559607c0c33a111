"""The arguments of `compare` as the suite they stand for, read by the same reader as suite files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness import wiring
from harness.core.suite import Suite
from harness.errors import DataError, SuiteError, UsageError
from harness.ports.data import Dataset
from harness.spec import load_suite
from harness.wiring.sessions import check_of

_ID = "example"
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
        return _is_array(self.original) and _is_array(self.candidate)

    def document(self, scratch: Path) -> dict[str, Any]:
        """The suite as a mapping; columns in memory are written to `scratch`."""
        segments = _segments(self.segments)
        checks = {"metric": self.metric, "max_drop": self.max_drop, **({"per": list(segments)} if segments else {}), **(self.check or {})}
        return {
            "schema": 1,
            "suite": _SUITE,
            "original": self._original(scratch),
            "data": {_DATA: self._data(scratch, segments)},
            "candidates": {"candidate": _model(self.candidate, scratch / "candidate.parquet", "candidate")},
            "checks": {_name(self.metric): checks},
        }

    def write_predictions(self, scratch: Path, dataset: Callable[[str], Dataset]) -> None:
        """Write predictions in memory as recordings, under the ids of the data."""
        for name, answers in (("original", self.original), ("candidate", self.candidate)):
            if _is_array(answers):
                _write_recording(scratch / f"{name}.parquet", _array(answers, name), dataset(_DATA), name)

    def _original(self, scratch: Path) -> dict[str, Any]:
        described = _model(self.original, scratch / "original.parquet", "original")
        if self.input is not None:
            described["input"] = dict(self.input)
        output = self.output if self.output is not None else self._output_of_predictions()
        if output is not None and "output" not in described:
            described["output"] = dict(output)
        return described

    def _output_of_predictions(self) -> Mapping[str, Any] | None:
        """Numbers that are not whole are values; everything else one per example is a label."""
        given = [_array(answers, "predictions") for answers in (self.original, self.candidate) if _is_array(answers)]
        if any(answers.ndim == 2 for answers in given):
            raise UsageError("scores per class say nothing without their labels; give output={'type': …, 'task': …, 'labels': […]}")
        return {"type": "values", "task": "regression"} if given and all(answers.dtype.kind == "f" for answers in given) else None

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
        _write_columns(path, self.data)
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


def _model(model: Any, recording: Path, name: str) -> dict[str, Any]:
    if isinstance(model, Mapping):
        described: dict[str, Any] = _plain(model)
        return described
    if isinstance(model, (str, Path)):
        if Path(model).suffix.lower() != ".onnx":
            raise UsageError(f"{name}: {str(model)!r} is not an .onnx file; describe other models as a suite does, such as {{'outputs': …}}")
        return {"onnx": str(model)}
    answers = _array(model, name)
    columns = {"prediction": "prediction"} if answers.ndim == 1 else {"scores": f"{answers.shape[1]} columns"}
    return {"outputs": {"path": str(recording), "id": _ID, **columns}}


def _is_array(model: Any) -> bool:
    return not isinstance(model, (str, Path, Mapping))


def _array(answers: Any, name: str) -> NDArray[Any]:
    if hasattr(answers, "detach"):
        answers = answers.detach().cpu()
    array = np.asarray(answers)
    if array.dtype == object:
        array = np.asarray([str(value) for value in array.ravel()]).reshape(array.shape)
    if array.ndim not in (1, 2) or array.dtype.kind not in "biufUS":
        raise UsageError(f"{name}: expected a path, a mapping, or an array of predictions (n,) or scores (n, classes), not {_described(answers)}")
    return array


def _described(value: Any) -> str:
    return f"an array of shape {value.shape} and type {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__


def _write_recording(path: Path, answers: NDArray[Any], dataset: Dataset, name: str) -> None:
    if len(answers) != len(dataset):
        raise UsageError(f"{name}: {len(answers):,} predictions for {len(dataset):,} examples; give one per example, in the order of the data")
    columns: dict[str, Any] = {_ID: dataset.ids()}
    if answers.ndim == 1:
        columns["prediction"] = pa.array(answers)
    else:
        columns |= {_score_column(place): pa.array(answers[:, place]) for place in range(answers.shape[1])}
    pq.write_table(pa.table(columns), path)


def _score_column(place: int) -> str:
    return f"class-{place}"


def _write_columns(path: Path, columns: Mapping[str, Any]) -> None:
    try:
        table = pa.table({str(name): pa.array(np.asarray(values) if not isinstance(values, pa.Array) else values) for name, values in columns.items()})
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        lengths = ", ".join(f"{name}: {len(values):,}" for name, values in columns.items() if isinstance(values, Sequence | np.ndarray))
        raise DataError(f"the columns of data do not make a table ({error}); expected one value per example in each ({lengths})") from error
    pq.write_table(table, path)


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

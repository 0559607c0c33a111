"""What a suite may say about each kind of model."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from harness.models.builtin import MODELS
from harness.models.parameters import OnnxParameters, OutputsParameters, PythonParameters, TorchParameters


def test_shorthands_name_a_parameter() -> None:
    assert [kind.name for kind in MODELS] == ["onnx", "torch", "python", "outputs"]
    for kind in MODELS:
        assert kind.shorthand is None or kind.shorthand in kind.parameters.model_fields


def test_defaults_do_not_depend_on_the_machine() -> None:
    assert OnnxParameters(path=Path("m.onnx")).model_dump() == {
        "path": Path("m.onnx"),
        "providers": ("CPUExecutionProvider",),
        "threads": 1,
        "graph_optimization": "all",
    }
    assert PythonParameters(function="m:f").threads == 1
    assert TorchParameters(factory="m:f", weights=Path("w.safetensors")).device == "cpu"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "factory is missing: give factory and weights, or an exported program"),
        ({"factory": "m:f"}, "weights is missing"),
        ({"weights": "w.pt"}, "factory is missing"),
        ({"program": "p.pt2", "weights": "w.pt"}, "give either factory and weights, or program"),
        ({"program": "p.pt2", "kwargs": {"a": 1}}, "give either factory and weights, or program"),
        ({"program": "p.pt2", "device": "gpu"}, "device"),
        ({"program": "p.pt2", "threads": 0}, "threads"),
        ({"factory": "no reference", "weights": "w.pt"}, "factory"),
    ],
)
def test_torch_is_a_factory_or_a_program(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TorchParameters.model_validate(values)


@pytest.mark.parametrize(
    ("values", "found"),
    [({}, "none of them"), ({"prediction": "p", "score": "s"}, "prediction and score"), ({"scores": {}}, "scores")],
)
def test_recorded_answers_are_in_one_place(values: dict[str, object], found: str) -> None:
    with pytest.raises(ValidationError, match=f"with one of prediction, score or scores; found {found}"):
        OutputsParameters.model_validate({"path": "r.csv", **values})


def test_labels_may_look_like_numbers() -> None:
    assert OutputsParameters.model_validate({"path": "r.csv", "scores": {0: "p0", 1: "p1"}}).scores == {"0": "p0", "1": "p1"}


@pytest.mark.parametrize("values", [{"providers": []}, {"graph_optimization": "most"}, {"pathh": "x"}, {"threads": 1.5}])
def test_onnx_refuses_what_it_does_not_know(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OnnxParameters.model_validate({"path": "m.onnx", **values})

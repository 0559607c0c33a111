from __future__ import annotations

from typing import Any

import pytest

from harness.compress.builtin import TECHNIQUES
from harness.compress.pipeline import Start, planned
from harness.core.models import Step
from harness.errors import ModelError
from tests.compress.test_maker import kinds

PRUNE = {"sparsity": 0.5, "unit": "channel"}
STATIC = {"mode": "static", "calibrate": {"data": "train"}}


def forms(start: Start, *steps: tuple[str, dict[str, Any]]) -> list[tuple[str, str, bool]]:
    types = {kind.name: kind.parameters for kind in TECHNIQUES}
    made = tuple(Step(name, types[name].model_validate(values)) for name, values in steps)
    return [(step.name, step.form, step.implied) for step in planned(made, start, kinds())]


def test_an_export_is_put_in_where_the_network_becomes_a_graph() -> None:
    assert forms("torch", ("prune", PRUNE), ("quantize", STATIC)) == [
        ("prune", "torch", False), ("export", "torch to onnx", True), ("quantize", "onnx", False),
    ]  # fmt: skip
    assert forms("torch", ("prune", PRUNE)) == [("prune", "torch", False), ("export", "torch to onnx", True)]
    assert forms("torch", ("export", {"opset": 20}), ("cast", {"to": "fp16"})) == [
        ("export", "torch to onnx", False), ("cast", "onnx", False),
    ]  # fmt: skip
    assert forms("torch", ("export", {"to": "program"})) == [("export", "torch to program", False)]


def test_a_step_that_takes_both_stays_in_torch_while_it_can() -> None:
    steps = (("prune", {"sparsity": 0.5}), ("factorize", {"rank": 4}))
    assert [form for _, form, _ in forms("torch", *steps)] == ["torch", "torch", "torch to onnx"]
    assert [form for _, form, _ in forms("onnx", *steps)] == ["onnx", "onnx"]


@pytest.mark.parametrize(
    ("start", "steps", "words"),
    [
        ("torch", [("quantize", STATIC), ("prune", PRUNE)], "and quantize before it works on an ONNX graph; put prune before quantize"),
        ("torch", [("export", {}), ("prune", PRUNE)], "and export before it made an ONNX graph of it; put prune before export"),
        ("onnx", [("prune", PRUNE)], "this model exists as ONNX only; give the original as torch"),
        (
            "torch",
            [("export", {"to": "program"}), ("quantize", STATIC)],
            "quantize comes after export, which makes an exported",
        ),
    ],
)
def test_a_step_in_the_wrong_place_is_named(start: Start, steps: Any, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        forms(start, *steps)

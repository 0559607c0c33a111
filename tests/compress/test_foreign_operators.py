"""Models with operators of other domains than ONNX's own, as skl2onnx writes them, whose types ONNX cannot infer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from harness.compress import integer
from harness.compress.parameters import QuantizeParameters
from harness.compress.quantize import Quantize
from harness.compress.runtime import session
from harness.errors import ModelError
from harness.ports.compress import StepContext

CLASSES = ("setosa", "versicolor", "virginica")
ROWS = np.random.default_rng(1).normal(3, 2, (256, 4)).astype(np.float32)


def classifier(path: Path) -> Path:
    """What skl2onnx 1.20 makes of a StandardScaler before an MLPClassifier: node for node, with other weights."""
    rng = np.random.default_rng(0)

    def weight(name: str, *shape: int) -> Any:
        return numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Scaler", ["X"], ["variable"], "Scaler", domain="ai.onnx.ml", offset=[3.0] * 4, scale=[0.5] * 4),
        helper.make_node("Cast", ["variable"], ["cast_input"], "Cast", to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["cast_input", "coefficient"], ["mul_result"], "MatMul"),
        helper.make_node("Add", ["mul_result", "intercepts"], ["add_result"], "Add"),
        helper.make_node("Relu", ["add_result"], ["next_activations"], "Relu"),
        helper.make_node("MatMul", ["next_activations", "coefficient1"], ["mul_result1"], "MatMul1"),
        helper.make_node("Add", ["mul_result1", "intercepts1"], ["add_result1"], "Add1"),
        helper.make_node("Softmax", ["add_result1"], ["out_activations_result"], "Relu1"),
        helper.make_node("Identity", ["out_activations_result"], ["probabilities"], "Identity"),
        helper.make_node("ArgMax", ["probabilities"], ["argmax_output"], "ArgMax", axis=1),
        helper.make_node(
            "ArrayFeatureExtractor",
            ["classes", "argmax_output"],
            ["array_feature_extractor_result"],
            "ArrayFeatureExtractor",
            domain="ai.onnx.ml",
        ),
        helper.make_node("Reshape", ["array_feature_extractor_result", "shape_tensor"], ["label"], "Reshape"),
    ]
    weights = [
        weight("coefficient", 4, 16),
        weight("intercepts", 1, 16),
        weight("coefficient1", 16, 3),
        weight("intercepts1", 1, 3),
        numpy_helper.from_array(np.array(CLASSES, dtype=object), "classes"),
        helper.make_tensor("shape_tensor", TensorProto.INT64, [1], [-1]),
    ]
    graph = helper.make_graph(
        nodes,
        "ONNX(Pipeline)",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 4])],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3]),
        ],
        weights,
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), str(path))
    return path


def answers(path: Path) -> list[NDArray[Any]]:
    return list(session(path).run(["label", "probabilities"], {"X": ROWS}))


@pytest.mark.parametrize("given", [{"mode": "dynamic"}, {"mode": "static", "calibrate": {"data": "train", "rows": 256}}])
def test_layers_behind_an_operator_of_another_domain_are_quantized(tmp_path: Path, given: dict[str, Any]) -> None:
    source, target = classifier(tmp_path / "fp32.onnx"), tmp_path / "int8.onnx"
    context = StepContext(tmp_path, tmp_path, 0, lambda _, rows: iter([{"X": ROWS[:rows]}]))
    report = Quantize().apply(source, target, QuantizeParameters.model_validate(given), context)
    assert {layer.name for layer in report.layers if layer.done.startswith("int8")} == {"coefficient", "coefficient1"}
    before, after = answers(source), answers(target)
    assert (before[0] == after[0]).mean() > 0.95
    assert np.abs(before[1] - after[1]).max() < 0.25


def test_no_value_keeps_a_type_that_the_quantizer_may_make_wrong(tmp_path: Path) -> None:
    source, target = classifier(tmp_path / "fp32.onnx"), tmp_path / "int8.onnx"
    Quantize().apply(source, target, QuantizeParameters.model_validate({"mode": "dynamic"}), StepContext(tmp_path, tmp_path, 0, None))  # type: ignore[arg-type]  # dynamic mode asks for no rows
    assert not onnx.load(str(target)).graph.value_info


def test_what_the_quantizer_says_is_quoted_in_whole_words_and_without_options_no_suite_has() -> None:
    words = "shape_inference failed to return a type " * 20
    with pytest.raises(ModelError) as caught, integer._quiet("quantize dynamically"):
        raise RuntimeError(f"Unable to find it. {words}. You may use extra_options `DefaultTensorType` to indicate it.")
    said = str(caught.value)
    assert "extra_options" not in said
    assert said.endswith(" …")
    assert set(said.removesuffix(" …").split()[-3:]) <= set(words.split())

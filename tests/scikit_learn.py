"""A classifier as skl2onnx writes it, made by hand so that neither it nor scikit-learn's version matters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = ("setosa", "versicolor", "virginica")


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

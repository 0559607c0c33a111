"""What ONNX Runtime makes of few-bit weights when it fuses their decoding into the product: it must be the product."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.compress.parameters import QuantizeParameters
from harness.compress.quantize import Quantize
from tests.compress import build


def product(path: Path, op: str, rows: int, columns: int) -> None:
    """A graph that multiplies x (n, rows) by a weight."""
    weight = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
    stored = weight.T.copy() if op == "Gemm" else weight
    node = helper.make_node(op, ["x", "w"], ["y"], name="product", **({"transB": 1} if op == "Gemm" else {}))
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in (("x", rows), ("y", columns))]
    graph = helper.make_graph([node], "g", values[:1], values[1:], [numpy_helper.from_array(stored, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)


def answer(path: Path, x: np.ndarray, level: onnxruntime.GraphOptimizationLevel) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    (found,) = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    return np.asarray(found)


@pytest.mark.parametrize("op", ["MatMul", "Gemm"])
@pytest.mark.parametrize("per", ["tensor", "channel", "block"])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
@pytest.mark.parametrize(("rows", "columns"), [(3, 2), (32, 10), (100, 10), (64, 12), (33, 8), (128, 77)])
def test_the_product_is_that_of_the_decoded_weight(tmp_path: Path, op: str, per: str, bits: int, rows: int, columns: int) -> None:
    """Operator by operator, or fused: activations that are rounded to 8 bits on the way cost a hundredth at most."""
    product(tmp_path / "m.onnx", op, rows, columns)
    parameters = QuantizeParameters.model_validate({"mode": "weights", "bits": bits, "per": per})
    Quantize().apply(tmp_path / "m.onnx", tmp_path / "made.onnx", parameters, build.context(tmp_path, lambda data, rows: iter([])))
    x = np.random.default_rng(1).normal(size=(5, rows)).astype(np.float32)
    one_by_one = answer(tmp_path / "made.onnx", x, onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    fused = answer(tmp_path / "made.onnx", x, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL)
    assert np.abs(fused - one_by_one).max() < 0.02 * np.abs(one_by_one).max()

"""Recurrent layers and products with a bias of two dimensions: their matrices are compressed, their biases stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.compress.parameters import QuantizeParameters
from harness.compress.prune import Prune
from harness.compress.prune_parameters import PruneParameters
from harness.compress.quantize import Quantize
from harness.compress.runtime import session
from harness.compress.share import Share, ShareParameters
from harness.ports.compress import StepReport
from tests.compress.build import context
from tests.compress.conftest import done

INPUTS, HIDDEN, CLASSES = 8, 16, 5
STEPS: dict[str, tuple[Any, Any]] = {
    **{
        f"{bits} bits per {per}": (Quantize(), QuantizeParameters.model_validate({"mode": "weights", "bits": bits, "per": per}))
        for bits in (1, 2, 4, 8)
        for per in ("tensor", "channel", "block")
    },
    "prune": (Prune(), Prune().stages(PruneParameters.model_validate({"sparsity": 0.5}))[0]),
    "2:4": (Prune(), Prune().stages(PruneParameters.model_validate({"unit": "2:4"}))[0]),
    "share": (Share(), ShareParameters(bits=4)),
}
BIASES = {"B", "C"}


def network(path: Path) -> dict[str, np.ndarray]:
    """(length, batch, 8) → LSTM → its last state → (batch, 5) by a Gemm."""
    random = np.random.default_rng(0)
    weights = {
        "W": random.normal(size=(1, 4 * HIDDEN, INPUTS)),
        "R": random.normal(size=(1, 4 * HIDDEN, HIDDEN)),
        "B": random.normal(size=(1, 8 * HIDDEN)),
        "M": random.normal(size=(HIDDEN, CLASSES)),
        "C": random.normal(size=(1, CLASSES)),
    }
    arrays = {name: array.astype(np.float32) for name, array in weights.items()}
    graph = helper.make_graph(
        [
            helper.make_node("LSTM", ["x", "W", "R", "B"], ["", "last"], name="lstm", hidden_size=HIDDEN),
            helper.make_node("Squeeze", ["last", "axis"], ["flat"], name="flat"),
            helper.make_node("Gemm", ["flat", "M", "C"], ["logits"], name="head"),
        ],
        "recurrent",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["length", "batch", INPUTS])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])],
        [*(numpy_helper.from_array(array, name) for name, array in arrays.items()), numpy_helper.from_array(np.array([0]), "axis")],
    )
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), str(path))
    return arrays


@pytest.mark.parametrize("step", STEPS)
def test_matrices_are_compressed_and_biases_stay(tmp_path: Path, step: str) -> None:
    before = network(tmp_path / "m.onnx")
    technique, parameters = STEPS[step]
    report: StepReport = technique.apply(tmp_path / "m.onnx", tmp_path / "made.onnx", parameters, context(tmp_path))
    expected = {"M"} if step == "2:4" else {"W", "R", "M"}
    assert set(done(report)) == expected
    reasons = {layer.name: layer.reason for layer in report.layers if not layer.done}
    assert {name for name, reason in reasons.items() if reason == "a bias or a state"} == BIASES
    after = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(str(tmp_path / "made.onnx")).graph.initializer}
    for name in BIASES:
        np.testing.assert_array_equal(after[name], before[name])
    answers = session(tmp_path / "made.onnx").run(None, {"x": np.ones((3, 2, INPUTS), np.float32)})[0]
    assert answers.shape == (2, CLASSES)
    assert np.isfinite(answers).all()

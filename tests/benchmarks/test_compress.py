"""How long quantizing takes through the harness, against ONNX Runtime's own call in the same run.

The harness also folds constants, fuses normalisations, reports every layer and runs the result once. Nothing is asserted of a duration.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.compress.parameters import QuantizeParameters
from harness.compress.quantize import Quantize
from tests.compress import build

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

WIDTH, LAYERS, ROWS = 768, 12, 256


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve matrices of 768 × 768, 28 MB: about the linear layers of a small transformer."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    random = np.random.default_rng(0)
    nodes, weights, before = [], [], "x"
    for number in range(LAYERS):
        array = random.normal(0, WIDTH**-0.5, (WIDTH, WIDTH)).astype(np.float32)
        weights.append(numpy_helper.from_array(array, f"w{number}"))
        nodes.append(helper.make_node("MatMul", [before, f"w{number}"], [f"m{number}"], name=f"matmul{number}"))
        before = f"h{number}" if number < LAYERS - 1 else "y"
        nodes.append(helper.make_node("Tanh", [f"m{number}"], [before], name=f"tanh{number}"))
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", WIDTH]) for name in ("x", "y")]
    made = helper.make_model(
        helper.make_graph(nodes, "g", values[:1], values[1:], weights), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    checker.check_model(made)
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    save(made, path)
    return path


@pytest.fixture(scope="module")
def batches() -> list[dict[str, Any]]:
    rows = np.random.default_rng(1).normal(size=(ROWS, WIDTH)).astype(np.float32)
    return [{"x": rows[start : start + 32]} for start in range(0, ROWS, 32)]


def bare(model: Path, target: Path, mode: str, batches: list[dict[str, Any]]) -> None:
    """What its documentation advises: per channel, in the form of QDQ."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(batches)

        def get_next(self) -> Any:
            return next(self.left, None)

    if mode == "dynamic":
        quantize_dynamic(str(model), str(target), per_channel=True, weight_type=QuantType.QInt8)
    else:
        quantize_static(str(model), str(target), Reader(), quant_format=QuantFormat.QDQ, per_channel=True)


@pytest.mark.parametrize("mode", ["dynamic", "static"])
@pytest.mark.parametrize("how", ["harness", "onnxruntime alone"])
def test_quantizing(benchmark: BenchmarkFixture, model: Path, batches: list[dict[str, Any]], tmp_path: Path, mode: str, how: str) -> None:
    target = tmp_path / "made.onnx"
    given = {"mode": mode, **({"calibrate": {"data": "train", "rows": ROWS}} if mode == "static" else {})}
    parameters, context = QuantizeParameters.model_validate(given), build.context(tmp_path, lambda data, rows: iter(batches))
    if how == "harness":
        benchmark.pedantic(lambda: Quantize().apply(model, target, parameters, context), rounds=3, warmup_rounds=1)
    else:
        benchmark.pedantic(lambda: bare(model, target, mode, batches), rounds=3, warmup_rounds=1)
    assert target.stat().st_size < 0.3 * model.stat().st_size

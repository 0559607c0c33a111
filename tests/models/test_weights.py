"""Counting parameters, on graphs counted by hand and on what ONNX Runtime's own quantisers make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.models.onnx_weights import count_weights
from tests.models.fakes import linear_onnx, save

onnxruntime = pytest.importorskip("onnxruntime")


def one_matmul(path: Path, weight: np.ndarray) -> None:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "matmul",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", weight.shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", weight.shape[1]])],
        [numpy_helper.from_array(weight, "w")],
    )
    save(graph, path)


@pytest.mark.parametrize(("dtype", "bits", "low"), [(TensorProto.FLOAT, 32, 0), (TensorProto.FLOAT16, 16, 0), (TensorProto.DOUBLE, 64, 0)])
@pytest.mark.parametrize("external", [False, True])
def test_a_plain_model(tmp_path: Path, dtype: int, bits: int, low: int, external: bool) -> None:
    linear_onnx(tmp_path / "m.onnx", dtype=dtype, external=external)
    weights = count_weights(tmp_path / "m.onnx")
    # WEIGHTS has 6 elements, 2 of them 0; BIAS has 3, one of them 0.
    assert (weights.parameters, weights.non_zero, weights.low_precision, weights.bits) == (9, 6, low, bits)


@pytest.fixture
def pruned(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """A 64 × 48 weight with a third of it zero, no other weights."""
    generator = np.random.default_rng(0)
    weight = generator.uniform(0.5, 1, size=(64, 48)).astype(np.float32) * generator.choice([-1, 1], size=(64, 48)).astype(np.float32)
    weight[generator.random((64, 48)) < 1 / 3] = 0
    one_matmul(tmp_path / "m.onnx", weight)
    return tmp_path / "m.onnx", weight


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("unsigned", [False, True])
def test_dynamic_quantisation_keeps_elements_and_zeros(pruned: tuple[Path, np.ndarray], per_channel: bool, unsigned: bool) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path, weight = pruned
    kind = QuantType.QUInt8 if unsigned else QuantType.QInt8
    quantize_dynamic(path, path.with_name("q.onnx"), per_channel=per_channel, weight_type=kind)
    weights = count_weights(path.with_name("q.onnx"))
    assert (weights.parameters, weights.low_precision, weights.bits) == (weight.size, weight.size, 8)
    assert weights.non_zero == np.count_nonzero(weight)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_static_quantisation_keeps_elements_and_zeros(pruned: tuple[Path, np.ndarray], per_channel: bool, form: str) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = [{"x": np.ones((4, 64), np.float32)}]

        def get_next(self) -> dict[str, np.ndarray] | None:
            return self.left.pop() if self.left else None

    path, weight = pruned
    quantize_static(path, path.with_name("q.onnx"), Reader(), quant_format=QuantFormat[form], per_channel=per_channel)
    weights = count_weights(path.with_name("q.onnx"))
    assert (weights.parameters, weights.low_precision, weights.bits) == (weight.size, weight.size, 8)
    assert weights.non_zero == np.count_nonzero(weight)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("block", [16, 32])
def test_packed_weights_count_elements(pruned: tuple[Path, np.ndarray], bits: int, symmetric: bool, block: int) -> None:
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    path, weight = pruned
    quantizer = MatMulNBitsQuantizer(onnx.load(path), bits=bits, block_size=block, is_symmetric=symmetric)
    quantizer.process()
    quantizer.model.save_model_to_file(str(path.with_name("q.onnx")))
    weights = count_weights(path.with_name("q.onnx"))
    assert (weights.parameters, weights.low_precision, weights.bits) == (weight.size, weight.size, bits)
    assert weights.non_zero == np.count_nonzero(weight)


def test_blocked_weights_in_standard_operators(tmp_path: Path) -> None:
    """INT4 with one zero point per block of two rows; the count by hand."""
    quantised = np.array([[1, 2, 3], [1, 0, 0], [5, 5, 5], [5, 4, 0]], np.int8)
    points = np.array([[1, 0, 0], [5, 5, 0]], np.int8)
    graph = helper.make_graph(
        [
            helper.make_node("DequantizeLinear", ["w", "s", "z"], ["d"], axis=0, block_size=2),
            helper.make_node("MatMul", ["x", "d"], ["y"]),
        ],
        "blocked",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
        [
            helper.make_tensor("w", TensorProto.INT4, [4, 3], quantised.flatten().tolist()),
            numpy_helper.from_array(np.ones((2, 3), np.float32), "s"),
            helper.make_tensor("z", TensorProto.INT4, [2, 3], points.flatten().tolist()),
        ],
    )
    save(graph, tmp_path / "m.onnx")
    weights = count_weights(tmp_path / "m.onnx")
    zeros = 2 + 1 + 1 + 2 + 1 + 1  # column 0: 1 1 | 5 5; column 1: . 0 | 5 .; column 2: . 0 | . 0
    assert (weights.parameters, weights.non_zero, weights.low_precision, weights.bits) == (12, 12 - zeros, 12, 4)


def test_shapes_scalars_and_indices_are_no_parameters(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["x", "shape"], ["r"]),
            helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.array([1, 0, 2], np.float32))),
            helper.make_node("Constant", [], ["eps"], value=numpy_helper.from_array(np.array(1e-5, np.float32))),
            helper.make_node("Add", ["r", "c"], ["a"]),
            helper.make_node("Add", ["a", "eps"], ["y"]),
        ],
        "constants",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(np.array([-1, 3], np.int64), "shape")],
    )
    save(graph, tmp_path / "m.onnx")
    weights = count_weights(tmp_path / "m.onnx")
    assert (weights.parameters, weights.non_zero) == (3, 2)


def test_weights_of_branches_count(tmp_path: Path) -> None:
    def branch(name: str, values: list[float]) -> onnx.GraphProto:
        return helper.make_graph(
            [helper.make_node("Identity", [f"{name}_w"], [name])],
            name,
            [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, [len(values)])],
            [numpy_helper.from_array(np.array(values, np.float32), f"{name}_w")],
        )

    graph = helper.make_graph(
        [helper.make_node("If", ["c"], ["y"], then_branch=branch("t", [1, 2, 3]), else_branch=branch("e", [4, 0, 6]))],
        "branches",
        [helper.make_tensor_value_info("c", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])],
    )
    save(graph, tmp_path / "m.onnx")
    weights = count_weights(tmp_path / "m.onnx")
    assert (weights.parameters, weights.non_zero) == (6, 5)


def test_a_model_without_weights(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "relu",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch"])],
    )
    save(graph, tmp_path / "m.onnx")
    weights = count_weights(tmp_path / "m.onnx")
    assert (weights.parameters, weights.bits) == (0, 0)

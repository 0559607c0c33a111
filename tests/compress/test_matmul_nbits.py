"""Few-bit matrix products by ONNX Runtime's own operator: what the file holds, decoded by hand."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from harness.compress.parameters import QuantizeParameters
from harness.compress.quantize import Quantize
from harness.compress.runtime import session
from harness.errors import ModelError
from harness.ports.compress import StepReport
from tests.compress import build, decoding
from tests.compress.conftest import Net, done, signal_to_noise

ROWS = {"data": "train", "rows": 128}
METHODS: list[dict[str, Any]] = [
    {"bits": 2},
    {"bits": 4},
    {"bits": 8},
    {"bits": 4, "method": "hqq"},
    {"bits": 4, "method": "k_quant", "block": 16},
    {"bits": 4, "method": "gptq", "calibrate": ROWS},
    {"bits": 2, "method": "gptq", "block": 16, "calibrate": ROWS},
]


def quantized(net: Net, folder: Path, **given: Any) -> tuple[Path, StepReport]:
    target = folder / "made.onnx"
    parameters = QuantizeParameters.model_validate({"mode": "weights", "engine": "matmul_nbits"} | given)
    return target, Quantize().apply(net.onnx, target, parameters, net.context(folder / "s"))


def decoded(path: Path) -> dict[str, np.ndarray]:
    """Matrices [K, N] by the names of their weights, by bare numpy: bits lowest first, blocks along K."""
    found, tensors = {}, decoding.tensors(path)
    for node in onnx.load(str(path)).graph.node:
        if node.op_type != "MatMulNBits":
            continue
        sizes = {attribute.name: attribute.i for attribute in node.attribute}
        bits, block, rows, columns = sizes["bits"], sizes["block_size"], sizes["K"], sizes["N"]
        blocks = -(-rows // block)

        def unpack(raw: bytes, bits: int = bits, columns: int = columns) -> np.ndarray:
            singles = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")
            return (singles.reshape(-1, bits) @ (2 ** np.arange(bits))).reshape(columns, -1)

        levels = unpack(tensors[node.input[1]].raw_data)
        scale = decoding.floats(tensors[node.input[2]]).reshape(columns, blocks)
        zero = tensors[node.input[3]]
        zeros = decoding.floats(zero).reshape(columns, blocks) if zero.data_type == 1 else unpack(zero.raw_data)[:, :blocks]
        whole = (levels - np.repeat(zeros, block, axis=1)) * np.repeat(scale, block, axis=1)
        found[node.input[1].rpartition("_Q")[0]] = whole[:, :rows].T
    return found


@pytest.mark.parametrize("given", METHODS, ids=lambda given: f"{given.get('method', 'rtn')}-{given['bits']}")
def test_the_file_holds_and_computes_what_is_claimed(survey: Net, tmp_path: Path, given: dict[str, Any]) -> None:
    """A network of three linear layers; the original's weights replaced by those decoded from the file answer alike."""
    path, report = quantized(survey, tmp_path, **given)
    weights, claimed = decoded(path), done(report)
    assert set(weights) == set(claimed) >= {"layers.3.weight"}
    model = onnx.load(str(survey.onnx))
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            original, made = decoding.floats(tensor), weights[tensor.name].T
            layer = next(layer for layer in report.layers if layer.name == tensor.name)
            assert layer.facts["sqnr_db"] == pytest.approx(signal_to_noise(original, made), abs=0.01)
            assert layer.facts["bits"] == given["bits"]
            assert f"{given['bits']} bits by {given.get('method', 'rtn')}" in layer.done
            assert signal_to_noise(original, made) > {2: 3, 4: 15, 8: 40}[given["bits"]]
            tensor.raw_data = made.astype(np.float32).tobytes()
    onnx.save(model, str(tmp_path / "decoded.onnx"))
    expected = survey.answers(tmp_path / "decoded.onnx")
    np.testing.assert_allclose(survey.answers(path), expected, atol=2e-3 * np.abs(expected).max())
    assert any("Gemm node(s) became MatMul and Add" in note for note in report.notes)
    assert path.stat().st_size < survey.onnx.stat().st_size


def test_gptq_keeps_the_answers_rather_than_the_weights(survey: Net, tmp_path: Path) -> None:
    """Its weights are farther from the original's than rounded ones, and what the layer computes on the calibration rows is nearer."""
    made = {}
    for name, given in {"rtn": {}, "gptq": {"method": "gptq", "calibrate": ROWS}}.items():
        path, _ = quantized(survey, tmp_path, bits=4, block=16, **given)
        made[name] = decoded(path)["layers.3.weight"]
    original = decoding.floats(decoding.tensors(survey.onnx)["layers.3.weight"]).T
    import torch

    network = survey.module
    with torch.inference_mode():
        inner = network.layers[:3]((torch.from_numpy(survey.training[:128]) - network.mean) * network.scale).numpy()
    errors = {name: np.square(inner @ weight - inner @ original).sum() for name, weight in made.items()}
    assert errors["gptq"] < 0.8 * errors["rtn"]
    assert signal_to_noise(original, made["gptq"]) < signal_to_noise(original, made["rtn"])


def test_fewer_bits_are_farther(survey: Net, tmp_path: Path) -> None:
    ratios = []
    for bits in (2, 4, 8):
        _, report = quantized(survey, tmp_path, bits=bits)
        ratios.append(next(layer.facts["sqnr_db"] for layer in report.layers if layer.name == "layers.3.weight"))
    assert ratios[0] + 8 < ratios[1] < ratios[2] - 15


def test_a_model_of_convolutions_is_an_error(tmp_path: Path) -> None:
    weight = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["x", "w"], ["y"], "conv")],
        "g",
        [onnx.helper.make_tensor_value_info("x", kind, ["n", 3, 8, 8])],
        [onnx.helper.make_tensor_value_info("y", kind, None)],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    path = tmp_path / "conv.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9), str(path))
    parameters = QuantizeParameters(mode="weights", engine="matmul_nbits", bits=4)
    with pytest.raises(ModelError, match=r"nothing was quantized.*w: used by Conv, which this engine leaves alone"):
        Quantize().apply(path, tmp_path / "made.onnx", parameters, build.context(tmp_path))


@pytest.mark.parametrize("method", ["rtn", "gptq", "k_quant"])
def test_excluded_layers_stay_as_they_are(survey: Net, tmp_path: Path, method: str) -> None:
    more = {"calibrate": ROWS} if method == "gptq" else {}
    path, report = quantized(survey, tmp_path, bits=4, block=16, method=method, exclude=["layers.3.weight"], **more)
    reasons = {layer.name: layer.reason for layer in report.layers}
    assert reasons["layers.3.weight"] == "excluded"
    assert set(decoded(path)) == set(done(report)) != set()
    before, after = decoding.tensors(survey.onnx), decoding.tensors(path)
    assert (decoding.floats(after["layers.3.weight"]) == decoding.floats(before["layers.3.weight"]).T).all()
    assert not any(node.op_type == "Identity" for node in onnx.load(str(path)).graph.node)
    with pytest.raises(ModelError, match=r"did you mean 'layers\.3\.weight'"):
        quantized(survey, tmp_path, bits=4, exclude=["layers.3.wieght"])


def test_an_odd_number_of_blocks_is_left_alone_where_the_library_would_fail(survey: Net, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing was quantized.*layers.3.weight: 3 block\(s\) of 32 in a column"):
        quantized(survey, tmp_path, bits=4, block=32, method="k_quant")
    report = quantized(survey, tmp_path, bits=4, block=16, method="k_quant")[1]
    reasons = {layer.name: layer.reason for layer in report.layers}
    assert reasons["layers.0.weight"].startswith("1 block(s) of 16 in a column")


def test_it_leaves_logging_as_it_was(survey: Net, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (list(logging.root.handlers), logging.root.level)
    quantized(survey, tmp_path, bits=4, block=16, method="k_quant")
    assert (list(logging.root.handlers), logging.root.level) == before
    assert capsys.readouterr().out == ""


def test_two_layers_that_share_a_matrix(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    weight = random.normal(size=(32, 32)).astype(np.float32)
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["h"], "a"), onnx.helper.make_node("MatMul", ["h", "w"], ["y"], "b")],
        "g",
        [onnx.helper.make_tensor_value_info("x", kind, ["n", 32])],
        [onnx.helper.make_tensor_value_info("y", kind, ["n", 32])],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    path, target = tmp_path / "s.onnx", tmp_path / "made.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9), str(path))
    parameters = QuantizeParameters(mode="weights", engine="matmul_nbits", bits=4)
    Quantize().apply(path, target, parameters, build.context(tmp_path))
    names = [tensor.name for tensor in onnx.load(str(target)).graph.initializer]
    assert len(names) == len(set(names)) == 3
    made = decoded(target)["w"]
    rows = random.normal(size=(5, 32)).astype(np.float32)
    np.testing.assert_allclose(session(target).run(None, {"x": rows})[0], rows @ made @ made, rtol=1e-3, atol=1e-2)


MAKE = """
import sys
from pathlib import Path
import numpy as np
from harness.compress.quantize import Quantize
from harness.compress.parameters import QuantizeParameters
from tests.compress import build
source, target, rows = map(Path, sys.argv[1:4])
target.mkdir(parents=True)
context = build.context(target, lambda d, n: iter([{"answers": np.load(rows)}]))
for given in GIVEN:
    parameters = QuantizeParameters.model_validate({"mode": "weights", "engine": "matmul_nbits"} | given)
    Quantize().apply(source, target / f"{given.get('method')}-{given['bits']}", parameters, context)
"""


@pytest.mark.slow
def test_fresh_processes_make_the_same_bytes(survey: Net, tmp_path: Path) -> None:
    rows = tmp_path / "rows.npy"
    np.save(rows, survey.training[:64])
    hashes = []
    for seed in ("1", "2"):
        target = tmp_path / seed
        environment = os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": seed}
        code = MAKE.replace("GIVEN", repr(METHODS))
        subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(survey.onnx), str(target), str(rows)], check=True, env=environment)
        hashes.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in target.glob("*-*")})
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == len(METHODS)

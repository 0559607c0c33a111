"""Dynamic and static 8-bit quantization by ONNX Runtime, looked at from outside."""

from __future__ import annotations

import hashlib
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
from harness.core.models import InputSpec, ModelSpec
from harness.errors import ModelError
from harness.ports.compress import StepReport
from tests.compress import build, decoding
from tests.compress.conftest import Net, done, signal_to_noise

ROWS = {"data": "train", "rows": 256}
DYNAMIC: dict[str, Any] = {"mode": "dynamic"}
STATIC: dict[str, Any] = {"mode": "static", "calibrate": ROWS}
VARIANTS = [
    DYNAMIC,
    DYNAMIC | {"per": "tensor"},
    DYNAMIC | {"weights": "u8"},
    STATIC,
    STATIC | {"per": "tensor"},
    STATIC | {"activations": "s8"},
    STATIC | {"activations": "u16"},
    STATIC | {"method": "entropy"},
    STATIC | {"method": "percentile", "percentile": 99.9},
]


def quantized(net: Net, folder: Path, given: dict[str, Any], feed: Any = None) -> tuple[Path, StepReport]:
    folder.mkdir(exist_ok=True)
    target = folder / "made.onnx"
    report = Quantize().apply(net.onnx, target, QuantizeParameters.model_validate(given), net.context(folder / "s", feed))
    return target, report


@pytest.mark.parametrize("given", VARIANTS, ids=lambda given: "-".join(str(value) for value in given.values() if isinstance(value, str)))
def test_it_is_smaller_and_answers_nearly_alike(net: Net, tmp_path: Path, given: dict[str, Any]) -> None:
    path, _ = quantized(net, tmp_path, given)
    assert path.stat().st_size < 0.45 * net.onnx.stat().st_size
    original, made = net.answers(net.onnx), net.answers(path)
    assert (original.argmax(1) == made.argmax(1)).mean() > 0.95
    assert (original.argmax(1) == net.targets).mean() - (made.argmax(1) == net.targets).mean() < 0.02
    assert signal_to_noise(original, made) > 9


@pytest.mark.parametrize("given", [DYNAMIC, DYNAMIC | {"per": "tensor"}, STATIC, STATIC | {"weights": "u8"}])
def test_stored_weights_decode_to_the_original_within_half_a_step(net: Net, tmp_path: Path, given: dict[str, Any]) -> None:
    """Read by bare numpy. ONNX Runtime may transpose a matrix, and moves a scale by less than 1 % to make sums representable."""
    path, report = quantized(net, tmp_path, given)
    before, after = decoding.tensors(net.onnx), decoding.tensors(path)
    matrices = [layer for layer in report.layers if len(layer.shape) > 1]
    assert matrices
    for layer in matrices:
        assert layer.done, layer
        stored = after[f"{layer.name}_quantized"]
        assert decoding.BITS[stored.data_type] == 8
        kind = {onnx.TensorProto.INT8: "int8", onnx.TensorProto.UINT8: "uint8"}[stored.data_type]
        assert layer.done.startswith(f"{kind}, ")
        weight, levels = decoding.floats(before[layer.name]), decoding.integers(stored)
        scale = decoding.floats(after[f"{layer.name}_scale"])
        zero = decoding.integers(after[f"{layer.name}_zero_point"])
        assert f"{scale.size} scales" in layer.done if scale.size > 1 else "one scale" in layer.done
        assert layer.facts["bits"] == 8
        assert 25 < layer.facts["sqnr_db"] < 60
        assert _decodes(weight, levels, scale.astype(np.float64), zero) or _decodes(weight, levels.T, scale.astype(np.float64), zero)


def _decodes(weight: np.ndarray, levels: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> bool:
    """Whether levels and scales, one for all or one along some axis, give the weight back within half a step."""
    if levels.shape != weight.shape:
        return False
    axes = [axis for axis, length in enumerate(weight.shape) if length == scale.size] if scale.size > 1 else [0]
    for axis in axes:
        shape = [-1 if number == axis else 1 for number in range(weight.ndim)]
        steps = np.broadcast_to(scale.reshape(shape), weight.shape)
        if (np.abs((levels - zero.reshape(shape)) * steps - weight) <= steps * 0.51 + 1e-7).all():
            return True
    return False


def test_dynamic_mode_says_that_convolutions_have_one_scale(digits: Net, tmp_path: Path) -> None:
    _, report = quantized(digits, tmp_path, DYNAMIC)
    assert done(report)["3.weight"] == "int8, one scale"
    assert done(report)["13.weight"] == "int8, 10 scales"
    assert any("one scale per tensor" in note for note in report.notes)


def test_unsigned_activations_with_signed_weights_carry_a_warning(digits: Net, tmp_path: Path) -> None:
    assert any("VNNI" in note for note in quantized(digits, tmp_path, STATIC)[1].notes)
    assert not any("VNNI" in note for note in quantized(digits, tmp_path, STATIC | {"activations": "s8"})[1].notes)


def test_facts_are_those_of_the_file(digits: Net, tmp_path: Path) -> None:
    """Static mode keeps axis 0 of convolutions for the scales; zero points are zero for s8."""
    path, report = quantized(digits, tmp_path, STATIC)
    before, after = decoding.tensors(digits.onnx), decoding.tensors(path)
    for layer in report.layers:
        if layer.done and len(layer.shape) == 4:
            scale = decoding.floats(after[f"{layer.name}_scale"]).reshape(-1, 1, 1, 1)
            made = decoding.integers(after[f"{layer.name}_quantized"]) * scale
            assert layer.facts["sqnr_db"] == pytest.approx(signal_to_noise(decoding.floats(before[layer.name]), made), abs=1e-2)
            assert layer.facts["sparsity"] == pytest.approx((made == 0).mean(), abs=1e-5)


def test_sixteen_bit_activations_are_nearer(digits: Net, tmp_path: Path) -> None:
    path, report = quantized(digits, tmp_path, STATIC | {"activations": "u16"})
    nodes = [node for node in onnx.load(str(path)).graph.node if node.op_type == "QuantizeLinear"]
    kinds = {tensor.name: tensor.data_type for tensor in onnx.load(str(path)).graph.initializer}
    assert {kinds[node.input[2]] for node in nodes} == {onnx.TensorProto.UINT16}
    assert any("u16 activations" in note for note in report.notes)
    original = digits.answers(digits.onnx)
    coarse, _ = quantized(digits, tmp_path / "u8", STATIC)
    assert signal_to_noise(original, digits.answers(path)) > signal_to_noise(original, digits.answers(coarse))


def test_each_method_finds_ranges_of_its_own(digits: Net, tmp_path: Path) -> None:
    """With ONNX Runtime's default bins the entropy method is minmax under another name."""
    scales = {}
    for method in ("minmax", "entropy", "percentile"):
        more = {"percentile": 99.0} if method == "percentile" else {}
        path, _ = quantized(digits, tmp_path, STATIC | {"method": method} | more)
        scales[method] = {
            name: float(decoding.floats(tensor).max())
            for name, tensor in decoding.tensors(path).items()
            if name.startswith("relu") and name.endswith("_scale")
        }
    assert scales["minmax"].keys() == scales["entropy"].keys() == scales["percentile"].keys() != set()
    for method in ("entropy", "percentile"):
        assert all(scales[method][name] <= widest * 1.001 for name, widest in scales["minmax"].items())
        assert any(scales[method][name] < widest * 0.98 for name, widest in scales["minmax"].items())


def test_minmax_ranges_are_those_of_the_calibration_rows(survey: Net, tmp_path: Path) -> None:
    """The range of the input tensor is known without running anything: its extremes, and zero."""
    path, _ = quantized(survey, tmp_path, STATIC | {"calibrate": {"data": "train", "rows": 100}})
    after = decoding.tensors(path)
    rows = survey.training[:100]
    name = next(name for name in after if name in ("answers_scale", "sub_scale"))
    values = rows if name == "answers_scale" else rows - survey.module.mean.numpy()
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    assert float(decoding.floats(after[name]).reshape(())) == pytest.approx((high - low) / 255, rel=1e-4)


def test_excluded_nodes_keep_their_floats(digits: Net, tmp_path: Path) -> None:
    for given in (DYNAMIC, STATIC):
        path, report = quantized(digits, tmp_path, given | {"exclude": ["13.weight"]})
        assert {layer.name: layer.reason for layer in report.layers}["13.weight"] == "excluded"
        before, after = (decoding.floats(decoding.tensors(file)["13.weight"]) for file in (digits.onnx, path))
        assert (after == (before.T if given is DYNAMIC else before)).all()
    with pytest.raises(ModelError, match=r"did you mean '13\.weight'"):
        quantized(digits, tmp_path, DYNAMIC | {"exclude": ["13.wieght"]})


def test_no_calibration_rows_is_an_error(digits: Net, tmp_path: Path) -> None:
    for nothing in ([], [{"input": digits.training[:0]}]):
        with pytest.raises(ModelError, match="data set 'train' gave no rows"):
            quantized(digits, tmp_path, STATIC, lambda data, rows, nothing=nothing: iter(nothing))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_calibration_rows_that_are_not_finite_are_named(digits: Net, tmp_path: Path, value: float) -> None:
    rows = digits.training[:20].copy()
    rows[13, 0, 2, 2] = value
    with pytest.raises(ModelError, match=r"tensor 'input' is NaN or infinite in row 13 \(counted from 0\) of the rows of 'train'"):
        quantized(digits, tmp_path, STATIC, lambda data, count: iter([{"input": rows[:10]}, {"input": rows[10:]}]))


def test_calibration_with_other_tensors_is_an_error(digits: Net, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gives the tensors \['pixels'\], and the model takes \['input'\]"):
        quantized(digits, tmp_path, STATIC, lambda data, count: iter([{"pixels": digits.training[:10]}]))


@pytest.mark.parametrize("given", [DYNAMIC, DYNAMIC | {"per": "tensor"}, STATIC, {"mode": "weights", "bits": 8}])
def test_a_transformer_encoder_whose_layers_share_weights(tmp_path: Path, given: dict[str, Any]) -> None:
    """torch starts all layers of an encoder alike, so the export stores their output projections once.

    ONNX Runtime's dynamic quantizer alone answers with 2 dB here: it transposes the shared weight twice.
    """
    path = _encoder(tmp_path)
    uses = [name for node in onnx.load(str(path)).graph.node if node.op_type == "Gemm" for name in node.input]
    assert any(uses.count(name) > 1 for name in uses)
    random = np.random.default_rng(0)
    batches = [{"tokens": random.integers(1, 50, (4, length))} for length in (5, 9, 9, 12)]
    (tmp_path / "s").mkdir()
    target = tmp_path / "made.onnx"
    context = build.context(tmp_path, lambda data, rows: iter(batches))
    Quantize().apply(path, target, QuantizeParameters.model_validate(given), context)
    for length in (7, 16):
        tokens = random.integers(1, 50, (64, length))
        expected = session(path).run(None, {"tokens": tokens})[0]
        assert signal_to_noise(expected, session(target).run(None, {"tokens": tokens})[0]) > 15


def test_a_head_tied_to_its_embedding(tmp_path: Path) -> None:
    """The embedding must not be transposed with the head."""
    random = np.random.default_rng(0)
    table = random.normal(size=(24, 24)).astype(np.float32)
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Gather", ["table", "tokens"], ["rows"], "embed"),
            onnx.helper.make_node("Gemm", ["rows", "table"], ["y"], "head", transB=1),
        ],
        "g",
        [onnx.helper.make_tensor_value_info("tokens", onnx.TensorProto.INT64, ["n"])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 24])],
        [onnx.numpy_helper.from_array(table, "table")],
    )
    source, target = tmp_path / "tied.onnx", tmp_path / "made.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9), str(source))
    (tmp_path / "s").mkdir()
    tokens = np.arange(24)
    batches = [{"tokens": tokens}]
    for given in (DYNAMIC | {"weights": "u8"}, STATIC | {"weights": "u8"}, {"mode": "weights"}):
        context = build.context(tmp_path, lambda data, rows: iter(batches))
        Quantize().apply(source, target, QuantizeParameters.model_validate(given), context)
        assert signal_to_noise(table @ table.T, session(target).run(None, {"tokens": tokens})[0]) > 30


def _encoder(folder: Path) -> Path:
    import torch

    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(50, 32)
            layer = torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
            self.encoder = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = torch.nn.Linear(32, 5)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.head(self.encoder(self.embed(tokens))[:, 0])

    torch.manual_seed(0)
    random = np.random.default_rng(1)
    spec = ModelSpec("original", "torch", None, inputs=(InputSpec("tokens", ("x",)),))
    path = folder / "encoder.onnx"
    build.export(spec, Encoder().eval(), [{"tokens": random.integers(1, 50, (4, length))} for length in (6, 11)], path)
    return path


MAKE = """
import sys
from pathlib import Path
import numpy as np
from harness.compress.quantize import Quantize
from harness.compress.cast import Cast
from harness.compress.parameters import CastParameters, QuantizeParameters
from tests.compress import build
source, target, rows = map(Path, sys.argv[1:4])
(target.parent / "s").mkdir(parents=True)
context = build.context(target.parent, lambda d, n: iter([{"tokens": np.load(rows)}]))
for name, given in {given}.items():
    Quantize().apply(source, target.with_name(name), QuantizeParameters.model_validate(given), context)
Cast().apply(source, target.with_name("fp16"), CastParameters(to="fp16"), context)
"""


def test_fresh_processes_make_the_same_bytes(languages: Net, tmp_path: Path) -> None:
    rows = tmp_path / "rows.npy"
    np.save(rows, languages.training[:64])
    variants = {"dynamic": DYNAMIC, "static": STATIC, "entropy": STATIC | {"method": "entropy"}, "weights": {"mode": "weights", "bits": 4}}
    hashes = []
    for seed in ("1", "2"):
        target = tmp_path / seed / "made"
        code = MAKE.replace("{given}", repr(variants))
        environment = os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": seed}
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, str(languages.onnx), str(target), str(rows)], check=True, env=environment
        )
        hashes.append({name: hashlib.sha256(target.with_name(name).read_bytes()).hexdigest() for name in (*variants, "fp16")})
    assert hashes[0] == hashes[1]
    assert len(set(hashes[0].values())) == len(variants) + 1

"""Weight-only quantization: what is really in the file, and what it computes."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from harness.compress.parameters import QuantizeParameters
from harness.compress.quantize import Quantize
from harness.compress.runtime import session
from harness.errors import ModelError
from tests.compress import decoding
from tests.compress.build import context
from tests.compress.conftest import Net, done, signal_to_noise

CASES = [
    (8, "channel"),
    (8, "tensor"),
    (5, "tensor"),
    (4, "channel"),
    (4, "tensor"),
    (4, "block"),
    (3, "block"),
    (2, "tensor"),
    (2, "block"),
    (1, "channel"),
    (1, "block"),
]


def quantized(net: Net, folder: Path, **given: object) -> tuple[Path, dict[str, str]]:
    target = folder / "made.onnx"
    report = Quantize().apply(net.onnx, target, QuantizeParameters.model_validate({"mode": "weights", **given}), net.context(folder / "s"))
    return target, dict(done(report))


def spread(scale: np.ndarray, weight: np.ndarray, node: onnx.NodeProto) -> np.ndarray:
    """Every weight's own scale, looked up by its place."""
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    if scale.ndim == 0:
        return np.full(weight.shape, scale, np.float64)
    places = list(np.indices(weight.shape))
    if attributes.get("block_size"):
        places[attributes["axis"]] //= attributes["block_size"]
        return scale[tuple(places)].astype(np.float64)
    return scale[places[attributes["axis"]]].astype(np.float64)


@pytest.mark.parametrize(("bits", "per"), CASES)
def test_the_file_holds_what_is_claimed(survey: Net, tmp_path: Path, bits: int, per: str) -> None:
    path, claimed = quantized(survey, tmp_path, bits=bits, per=per)
    before, after = decoding.tensors(survey.onnx), decoding.tensors(path)
    nodes = {node.output[0]: node for node in onnx.load(str(path)).graph.node if node.op_type == "DequantizeLinear"}
    assert set(claimed) == {"layers.0.weight", "layers.3.weight", "layers.6.weight"} == set(nodes)
    for name in claimed:
        assert name not in after
        scale, weight = decoding.floats(after[f"{name}_scale"]), decoding.floats(before[name])
        if f"{name}_quantized" in after:
            stored = after[f"{name}_quantized"]
            assert decoding.BITS[stored.data_type] == bits
            assert len(stored.raw_data) == -(-weight.size * bits // 8)
        full = spread(scale, weight, nodes[name])
        levels = decoding.levels(after, name, bits, weight.shape)
        top = max(1, 2 ** (bits - 1) - 1)
        steps = [step for step in range(-top, top + 1) if step or bits > 1]
        nearest = np.min([np.abs(step * full - weight) for step in steps], axis=0)
        assert set(np.unique(levels)) <= set(steps)
        assert (np.abs(levels * full - weight) <= nearest * (1 + 1e-5) + 1e-7).all()
        assert bits <= 2 or (nearest <= full / 2 * (1 + 1e-6)).all()
        assert f"{len(steps)} levels" in claimed[name]


@pytest.mark.parametrize(("bits", "per"), CASES)
def test_it_computes_with_the_decoded_weights(net: Net, tmp_path: Path, bits: int, per: str) -> None:
    """The same network with float weights decoded by numpy answers alike."""
    path, claimed = quantized(net, tmp_path, bits=bits, per=per)
    after = decoding.tensors(path)
    model = onnx.load(str(net.onnx))
    nodes = {node.output[0]: node for node in onnx.load(str(path)).graph.node if node.op_type == "DequantizeLinear"}
    for tensor in model.graph.initializer:
        if tensor.name in claimed:
            levels = decoding.levels(after, tensor.name, bits, tuple(tensor.dims))
            full = spread(decoding.floats(after[f"{tensor.name}_scale"]), levels, nodes[tensor.name])
            tensor.raw_data = (levels * full).astype(np.float32).tobytes()
    decoded = tmp_path / "decoded.onnx"
    onnx.save(model, str(decoded))
    expected = net.answers(decoded)
    np.testing.assert_allclose(net.answers(path), expected, atol=1e-4 * np.abs(expected).max())


def test_it_is_as_small_as_claimed_and_still_right(net: Net, tmp_path: Path) -> None:
    original = net.answers(net.onnx)
    for bits, size, decibels in ((8, 0.32, 25), (4, 0.20, 5)):
        path, _ = quantized(net, tmp_path, bits=bits)
        assert path.stat().st_size <= size * net.onnx.stat().st_size
        assert signal_to_noise(original, net.answers(path)) > decibels


def test_more_scales_and_more_bits_are_nearer(net: Net, tmp_path: Path) -> None:
    """Error of the weights themselves: it can only fall."""

    def error(**given: object) -> float:
        path, claimed = quantized(net, tmp_path, **given)
        before, after = decoding.tensors(net.onnx), decoding.tensors(path)
        nodes = {node.output[0]: node for node in onnx.load(str(path)).graph.node if node.op_type == "DequantizeLinear"}
        total = 0.0
        for name in claimed:
            weight, levels = decoding.floats(before[name]), decoding.integers(after[f"{name}_quantized"])
            total += float(((levels * spread(decoding.floats(after[f"{name}_scale"]), levels, nodes[name]) - weight) ** 2).sum())
        return total

    tensor, channel = error(bits=4, per="tensor"), error(bits=4, per="channel")
    assert channel < tensor
    assert error(bits=4, per="block", block=8) < tensor
    assert error(bits=8, per="tensor") < tensor < error(bits=2, per="tensor")


def test_excluded_layers_stay_as_they_are(languages: Net, tmp_path: Path) -> None:
    target = tmp_path / "made.onnx"
    parameters = QuantizeParameters(mode="weights", bits=4, exclude=("embed.weight", "node_linear"))
    report = Quantize().apply(languages.onnx, target, parameters, languages.context(tmp_path / "s"))
    reasons = {layer.name: layer.reason for layer in report.layers}
    assert reasons["embed.weight"] == reasons["head.weight"] == "excluded"
    before, after = decoding.tensors(languages.onnx), decoding.tensors(target)
    for name in ("embed.weight", "head.weight"):
        assert (decoding.floats(before[name]) == decoding.floats(after[name])).all()


def test_an_unknown_name_in_exclude_names_the_nearest(languages: Net, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no node or weight called 'embd.weight'; did you mean 'embed.weight'\?"):
        quantized(languages, tmp_path, exclude=["embd.weight"])


def test_nothing_quantized_is_an_error(survey: Net, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing was quantized, .*layers.0.weight: excluded"):
        quantized(survey, tmp_path, exclude=["layers.0.weight", "layers.3.weight", "layers.6.weight"])
    assert not (tmp_path / "made.onnx").exists()


def test_a_model_without_matrices_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "scale.onnx"
    tensor = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Mul", ["x", "w"], ["y"])],
        "g",
        [onnx.helper.make_tensor_value_info("x", tensor, ["n", 3])],
        [onnx.helper.make_tensor_value_info("y", tensor, ["n", 3])],
        [onnx.numpy_helper.from_array(np.ones(3, np.float32), "w")],
    )
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9), str(path))
    for mode in ("weights", "dynamic"):
        with pytest.raises(ModelError, match=r"nothing was quantized.*no weight of two or more dimensions"):
            Quantize().apply(path, tmp_path / "made.onnx", QuantizeParameters.model_validate({"mode": mode}), context(tmp_path))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_named(survey: Net, tmp_path: Path, value: float) -> None:
    model = onnx.load(str(survey.onnx))
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "layers.3.weight")
    broken = decoding.floats(tensor).copy()
    broken[2, 3] = value
    tensor.raw_data = broken.tobytes()
    path = tmp_path / "broken.onnx"
    onnx.save(model, str(path))
    for mode in ("weights", "dynamic"):
        with pytest.raises(ModelError, match=r"'layers.3.weight' holds 1 value\(s\) that are NaN or infinite"):
            Quantize().apply(path, tmp_path / "made.onnx", QuantizeParameters.model_validate({"mode": mode}), context(tmp_path))


def test_half_precision_weights_keep_their_type(survey: Net, tmp_path: Path) -> None:
    """Scales are stored in the weight's own type, and levels are taken against the stored scale."""
    from harness.compress.cast import Cast
    from harness.compress.parameters import CastParameters

    half = tmp_path / "half.onnx"
    Cast().apply(survey.onnx, half, CastParameters(to="fp16"), survey.context(tmp_path / "s"))
    target = tmp_path / "made.onnx"
    Quantize().apply(half, target, QuantizeParameters(mode="weights", bits=4, per="tensor"), survey.context(tmp_path / "t"))
    before, after = decoding.tensors(half), decoding.tensors(target)
    scale = decoding.floats(after["layers.3.weight_scale"])
    assert scale.dtype == np.float16
    difference = np.abs(decoding.integers(after["layers.3.weight_quantized"]) * float(scale) - decoding.floats(before["layers.3.weight"]))
    assert difference.max() <= float(scale) / 2 * 1.001
    assert np.isfinite(survey.answers(target)).all()


def test_two_bits_are_packed_where_the_runtime_cannot_read_them(survey: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.compress import quantizer

    parameters, answers, sizes = QuantizeParameters(mode="weights", bits=2), [], []
    for packed in (False, True):
        if packed:
            monkeypatch.setattr(quantizer, "refusal", lambda path: "no int2 here")
        target = tmp_path / f"{packed}.onnx"
        report = Quantize().apply(survey.onnx, target, parameters, survey.context(tmp_path / "s"))
        answers.append(survey.answers(target))
        sizes.append(target.stat().st_size)
    levels = decoding.levels(decoding.tensors(target), "layers.3.weight", 2, (96, 96))
    assert set(np.unique(levels).tolist()) == {-1, 0, 1}
    assert "packed into bytes" in report.notes[0]
    assert all("2 bits packed" in layer.done for layer in report.layers if layer.done)
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-4)
    assert sizes[1] < sizes[0] + 3500


@pytest.mark.parametrize("per", ["channel", "block"])
def test_fewer_bits_make_smaller_files_and_larger_errors(languages: Net, tmp_path: Path, per: str) -> None:
    """Every width has a container of its own: 5 bits take less than 8."""
    sizes, ratios = [], []
    for bits in (1, 2, 3, 4, 5, 6, 7, 8):
        parameters = QuantizeParameters.model_validate({"mode": "weights", "bits": bits, "per": per})
        report = Quantize().apply(languages.onnx, tmp_path / "made.onnx", parameters, languages.context(tmp_path / "s"))
        sizes.append((tmp_path / "made.onnx").stat().st_size)
        facts = {layer.name: layer.facts for layer in report.layers}["body.3.weight"]
        assert facts["bits"] == bits
        ratios.append(facts["sqnr_db"])
    assert sizes == sorted(sizes)
    assert ratios == sorted(ratios)
    weights = 257 * 64 + 128 * 64 * 5 + 192 * 128 * 5 + 192 * 192 * 3 + 64 * 192
    for first, second in itertools.pairwise(sizes):
        assert second - first == pytest.approx(weights / 8, abs=5 * 2000)  # the nodes that unpack five weights


def test_facts_are_those_of_the_file(survey: Net, tmp_path: Path) -> None:
    parameters = QuantizeParameters(mode="weights", bits=3)
    report = Quantize().apply(survey.onnx, tmp_path / "made.onnx", parameters, survey.context(tmp_path / "s"))
    before, after = decoding.tensors(survey.onnx), decoding.tensors(tmp_path / "made.onnx")
    layer = next(layer for layer in report.layers if layer.name == "layers.3.weight")
    levels = decoding.levels(after, layer.name, 3, layer.shape)
    decoded = levels * decoding.floats(after[f"{layer.name}_scale"])[:, None]
    assert layer.facts["sqnr_db"] == pytest.approx(signal_to_noise(decoding.floats(before[layer.name]), decoded), abs=1e-2)
    assert layer.facts["sparsity"] == pytest.approx((levels == 0).mean(), abs=1e-5)
    assert not next(layer for layer in report.layers if layer.name == "layers.0.bias").facts


@pytest.mark.parametrize("per", ["channel", "tensor"])
def test_sixteen_bits_are_the_nearest_float16(survey: Net, tmp_path: Path, per: str) -> None:
    path, claimed = quantized(survey, tmp_path, bits=16, per=per)
    before, after = decoding.tensors(survey.onnx), decoding.tensors(path)
    assert set(claimed.values()) == {"float16"}
    for name in claimed:
        assert (decoding.floats(after[f"{name}_half"]) == decoding.floats(before[name]).astype(np.float16)).all()
    assert path.stat().st_size < 0.56 * survey.onnx.stat().st_size


def test_it_loads_in_a_fresh_process(net: Net, tmp_path: Path) -> None:
    path, _ = quantized(net, tmp_path, bits=2)
    code = f"import onnxruntime as o; print(o.InferenceSession({str(path)!r}, providers=['CPUExecutionProvider']).get_inputs()[0].name)"
    done_ = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done_.stdout.strip() == net.tensor


def test_matrices_used_from_the_left_and_untransposed(tmp_path: Path) -> None:
    """MatMul keeps its output channels in the last axis of the right factor; a left factor has them in the first."""
    random = np.random.default_rng(0)
    left, right = random.normal(size=(5, 40)).astype(np.float32), random.normal(size=(40, 6)).astype(np.float32)
    right[:, 3] *= 50
    left[2] *= 50
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["left", "x"], ["y"], "a"), onnx.helper.make_node("MatMul", ["x2", "right"], ["z"], "b")],
        "g",
        [onnx.helper.make_tensor_value_info("x", kind, [40, 7]), onnx.helper.make_tensor_value_info("x2", kind, ["n", 40])],
        [onnx.helper.make_tensor_value_info("y", kind, [5, 7]), onnx.helper.make_tensor_value_info("z", kind, ["n", 6])],
        [onnx.numpy_helper.from_array(left, "left"), onnx.numpy_helper.from_array(right, "right")],
    )
    source, target = tmp_path / "s.onnx", tmp_path / "t.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), str(source))
    Quantize().apply(source, target, QuantizeParameters(mode="weights", bits=8), context(tmp_path))
    after = decoding.tensors(target)
    np.testing.assert_allclose(decoding.floats(after["left_scale"]), np.abs(left).max(axis=1) / 127, rtol=1e-6)
    np.testing.assert_allclose(decoding.floats(after["right_scale"]), np.abs(right).max(axis=0) / 127, rtol=1e-6)
    x, x2 = random.normal(size=(40, 7)).astype(np.float32), random.normal(size=(3, 40)).astype(np.float32)
    found = session(target).run(None, {"x": x, "x2": x2})
    np.testing.assert_allclose(found[0], left @ x, atol=0.02 * np.abs(left @ x).max())
    np.testing.assert_allclose(found[1], x2 @ right, atol=0.02 * np.abs(x2 @ right).max())

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from harness.compress.cast import Cast
from harness.compress.parameters import CastParameters
from harness.errors import ModelError
from tests.compress import decoding
from tests.compress.conftest import Net, signal_to_noise


def cast(net: Net, folder: Path, to: str, source: Path | None = None) -> Path:
    target = folder / f"{to}.onnx"
    Cast().apply(source or net.onnx, target, CastParameters.model_validate({"to": to}), net.context(folder / "s"))
    return target


@pytest.mark.parametrize(("to", "decibels"), [("fp16", 55), ("bf16", 35)])
def test_half_the_size_and_nearly_the_same_answers(net: Net, tmp_path: Path, to: str, decibels: float) -> None:
    path = cast(net, tmp_path, to)
    assert 0.49 < path.stat().st_size / net.onnx.stat().st_size < 0.55
    assert signal_to_noise(net.answers(net.onnx), net.answers(path)) > decibels
    model = onnx.load(str(path))
    assert [entry.type.tensor_type.elem_type for entry in (*model.graph.output,)] == [onnx.TensorProto.FLOAT]
    onnx.checker.check_model(model)


def test_fp16_weights_are_the_nearest_ones(net: Net, tmp_path: Path) -> None:
    before, after = decoding.tensors(net.onnx), decoding.tensors(cast(net, tmp_path, "fp16"))
    compared = 0
    for name, tensor in before.items():
        if tensor.data_type == onnx.TensorProto.FLOAT and name in after and len(tensor.dims) > 1:
            weight = decoding.floats(tensor)
            expected = weight.astype(np.float16)
            found = decoding.floats(after[name])
            normal = np.abs(weight) > 6.2e-5
            assert (found[normal] == expected[normal]).all()
            assert np.abs(found[~normal].astype(np.float64) - weight[~normal]).max(initial=0) <= 6e-8
            compared += 1
    assert compared >= 3


def test_facts_are_those_of_the_file(survey: Net, tmp_path: Path) -> None:
    for to in ("fp16", "bf16"):
        target = tmp_path / "made.onnx"
        report = Cast().apply(survey.onnx, target, CastParameters.model_validate({"to": to}), survey.context(tmp_path / "s"))
        layer = next(layer for layer in report.layers if layer.name == "layers.3.weight")
        stored = decoding.floats(decoding.tensors(target)[layer.name if to == "fp16" else f"{layer.name}_bf16"])
        original = decoding.floats(decoding.tensors(survey.onnx)[layer.name])
        assert layer.facts["bits"] == 16
        assert layer.facts["sqnr_db"] == pytest.approx(signal_to_noise(original, stored.astype(np.float64)), abs=0.01)


def test_bf16_weights_are_the_nearest_ones(net: Net, tmp_path: Path) -> None:
    """bfloat16 has 7 bits after the leading one: half a step is at most 2^-8 of the value."""
    before, after = decoding.tensors(net.onnx), decoding.tensors(cast(net, tmp_path, "bf16"))
    stored = {name for name in after if name.endswith("_bf16")}
    assert len(stored) >= 3
    for name in stored:
        weight, found = decoding.floats(before[name.removesuffix("_bf16")]), decoding.floats(after[name])
        assert (np.abs(found - weight) <= np.abs(weight) * 2.0**-8 * 1.0001 + 1e-38).all()


def test_a_weight_beyond_fp16_is_named(survey: Net, tmp_path: Path) -> None:
    model = onnx.load(str(survey.onnx))
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "layers.3.bias")
    large = decoding.floats(tensor).copy()
    large[5] = -7e4
    tensor.raw_data = large.tobytes()
    path = tmp_path / "large.onnx"
    onnx.save(model, str(path))
    with pytest.raises(ModelError, match=r"weight 'layers.3.bias' holds 70000, and fp16 ends at 65504; use cast: \{to: bf16\}"):
        cast(survey, tmp_path, "fp16", path)
    stored = decoding.floats(decoding.tensors(cast(survey, tmp_path, "bf16", path))["layers.3.bias_bf16"])
    assert stored[5] == pytest.approx(-7e4, rel=2**-8)


def test_casting_twice_is_refused(survey: Net, tmp_path: Path) -> None:
    half = cast(survey, tmp_path, "fp16")
    for to in ("fp16", "bf16"):
        with pytest.raises(ModelError, match="no float32 weight, so nothing would change"):
            cast(survey, tmp_path, to, half)


def test_a_file_that_is_no_onnx_is_an_error(survey: Net, tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("not a model")
    with pytest.raises(ModelError, match="cannot be read as ONNX"):
        cast(survey, tmp_path, "fp16", path)


def test_the_import_path_stays_as_it_was(survey: Net, tmp_path: Path) -> None:
    import sys

    before = list(sys.path)
    cast(survey, tmp_path, "fp16")
    assert sys.path == before

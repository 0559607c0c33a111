"""Zeros in ONNX graphs: as many as asked for, where the weights are smallest."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch.nn.utils import prune as torch_prune

from harness.compress.onnx_prune import prune
from harness.compress.prune import Prune
from harness.compress.prune_parameters import PruneParameters
from harness.errors import ModelError
from harness.ports.compress import StepReport
from tests.compress import decoding
from tests.compress.conftest import Net, done


def pruned(source: Path, target: Path, **given: Any) -> StepReport:
    parameters = PruneParameters.model_validate(given)
    (stage,) = Prune().stages(parameters)
    return prune(source, target, stage)


def weights(path: Path) -> dict[str, np.ndarray]:
    return {name: decoding.floats(tensor) for name, tensor in decoding.tensors(path).items() if tensor.data_type in (1, 10)}


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_each_layer_loses_its_smallest_weights(net: Net, tmp_path: Path, share: float) -> None:
    """The same zeros as torch's own l1_unstructured makes."""
    report = pruned(net.onnx, tmp_path / "made.onnx", sparsity=share)
    before, after = weights(net.onnx), weights(tmp_path / "made.onnx")
    assert len(done(report)) >= 3
    for layer in report.layers:
        if not layer.done:
            assert (before[layer.name] == after[layer.name]).all(), layer
            continue
        expected = torch.nn.Linear(1, 1)
        expected.weight = torch.nn.Parameter(torch.from_numpy(before[layer.name].copy()))
        torch_prune.l1_unstructured(expected, "weight", share)  # type: ignore[no-untyped-call]  # untyped
        np.testing.assert_array_equal(after[layer.name], expected.weight.detach().numpy())
        assert np.count_nonzero(after[layer.name]) == after[layer.name].size - round(share * after[layer.name].size)
        assert layer.facts["sparsity"] == pytest.approx(share, abs=0.5 / after[layer.name].size + 1e-6)
    assert (tmp_path / "made.onnx").stat().st_size == pytest.approx(net.onnx.stat().st_size, rel=0.05)


def test_all_layers_together_lose_the_smallest_weights_of_all(digits: Net, tmp_path: Path) -> None:
    report = pruned(digits.onnx, tmp_path / "made.onnx", sparsity=0.6, scope="global")
    before, after = weights(digits.onnx), weights(tmp_path / "made.onnx")
    names = list(done(report))
    total = sum(before[name].size for name in names)
    assert sum(int((after[name] == 0).sum()) for name in names) == round(0.6 * total)
    gone = np.concatenate([np.abs(before[name][after[name] == 0]) for name in names])
    left = np.concatenate([np.abs(before[name][after[name] != 0]) for name in names])
    assert gone.max() <= left.min()
    shares = {layer.name: layer.facts["sparsity"] for layer in report.layers if layer.done}
    assert max(shares.values()) > 0.6 > min(shares.values())


def test_two_of_every_four_along_the_inputs(net: Net, tmp_path: Path) -> None:
    """Conv and transposed Gemm have their inputs on the second axis; each place of a kernel has fours of its own."""
    report = pruned(net.onnx, tmp_path / "made.onnx", unit="2:4")
    before, after = weights(net.onnx), weights(tmp_path / "made.onnx")
    assert len(done(report)) >= 3
    for name in done(report):
        made, original = after[name], before[name]
        assert made.shape[1] >= 4
        for start in range(0, made.shape[1] - 3, 4):
            four, were = made[:, start : start + 4], original[:, start : start + 4]
            assert (np.count_nonzero(four, axis=1) == 2).all()
            assert (np.sort(np.abs(four), axis=1)[:, 2:] == np.sort(np.abs(were), axis=1)[:, 2:]).all()
        rest = made.shape[1] % 4
        assert rest == 0 or (made[:, -rest:] == original[:, -rest:]).all()
    assert all("two of every four" in text for text in done(report).values())


def test_two_of_four_in_an_untransposed_matrix_goes_down_the_columns(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(12, 5)).astype(np.float32)
    _matmul(tmp_path / "s.onnx", matrix)
    pruned(tmp_path / "s.onnx", tmp_path / "t.onnx", unit="2:4")
    after = weights(tmp_path / "t.onnx")["w"]
    assert (np.count_nonzero(after.reshape(3, 4, 5), axis=1) == 2).all()


def test_answers_stay_right_at_a_third_and_not_at_nearly_all(digits: Net, tmp_path: Path) -> None:
    accuracies = []
    for share in (0.3, 0.98):
        pruned(digits.onnx, tmp_path / "made.onnx", sparsity=share)
        accuracies.append((digits.answers(tmp_path / "made.onnx").argmax(1) == digits.targets).mean())
    assert accuracies[0] > 0.97 > 0.9 > accuracies[1]


def test_the_note_tells_that_nothing_is_saved_but_by_gzip(survey: Net, tmp_path: Path) -> None:
    (note,) = pruned(survey.onnx, tmp_path / "made.onnx", sparsity=0.8).notes
    now = len(gzip.compress((tmp_path / "made.onnx").read_bytes(), compresslevel=6))
    before = len(gzip.compress(survey.onnx.read_bytes(), compresslevel=6))
    assert now < 0.6 * before
    assert f"the file has {(tmp_path / 'made.onnx').stat().st_size:,} bytes as before" in note
    assert f"gzip {now:,} instead of {before:,}" in note


def test_stages_go_on_from_each_other(survey: Net, tmp_path: Path) -> None:
    stages = Prune().stages(PruneParameters.model_validate({"sparsity": {"from": 0.1, "to": 0.8, "steps": 3}}))
    source = survey.onnx
    for number, stage in enumerate(stages):
        prune(source, tmp_path / f"{number}.onnx", stage)
        source = tmp_path / f"{number}.onnx"
    pruned(survey.onnx, tmp_path / "at_once.onnx", sparsity=0.8)
    gradual, at_once = weights(source), weights(tmp_path / "at_once.onnx")
    assert all((gradual[name] == at_once[name]).all() for name in at_once)


def test_half_precision_keeps_its_type(survey: Net, tmp_path: Path) -> None:
    from harness.compress.cast import Cast
    from harness.compress.parameters import CastParameters

    Cast().apply(survey.onnx, tmp_path / "half.onnx", CastParameters(to="fp16"), survey.context(tmp_path / "s"))
    pruned(tmp_path / "half.onnx", tmp_path / "made.onnx", sparsity=0.5)
    after = weights(tmp_path / "made.onnx")["layers.3.weight"]
    assert after.dtype == np.float16
    assert np.count_nonzero(after) == after.size // 2


@pytest.mark.parametrize("given", [{"mode": "weights", "bits": 8}, {"mode": "weights", "bits": 3}, {"mode": "dynamic"}, "share"])
def test_integers_cannot_be_pruned(survey: Net, tmp_path: Path, given: Any) -> None:
    from harness.compress.parameters import QuantizeParameters
    from harness.compress.quantize import Quantize

    if given == "share":
        from harness.compress.share import Share, ShareParameters

        Share().apply(survey.onnx, tmp_path / "int.onnx", ShareParameters(bits=4), survey.context(tmp_path / "s"))
    else:
        Quantize().apply(survey.onnx, tmp_path / "int.onnx", QuantizeParameters.model_validate(given), survey.context(tmp_path / "s"))
    with pytest.raises(ModelError, match=r"prune: 3 weight\(s\) of this graph are integers already.*put prune before the step"):
        pruned(tmp_path / "int.onnx", tmp_path / "made.onnx", sparsity=0.5)
    assert not (tmp_path / "made.onnx").exists()


def test_wrong_input(survey: Net, tmp_path: Path) -> None:
    target = tmp_path / "made.onnx"
    with pytest.raises(ModelError, match=r"exclude: .* called 'layers\.3\.wieght'; did you mean 'layers\.3\.weight'"):
        pruned(survey.onnx, target, sparsity=0.5, exclude=["layers.3.wieght"])
    with pytest.raises(ModelError, match=r"nothing was pruned.*layers\.0\.weight: excluded"):
        pruned(survey.onnx, target, sparsity=0.5, exclude=["layers.0.weight", "layers.3.weight", "layers.6.weight"])
    pruned(survey.onnx, target, sparsity=0.5)
    with pytest.raises(ModelError, match="is zero already, so nothing would change"):
        pruned(target, tmp_path / "again.onnx", sparsity=0.4)
    model = onnx.load(str(survey.onnx))
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "layers.3.weight")
    broken = decoding.floats(tensor).copy()
    broken[0, 0] = np.nan
    tensor.raw_data = broken.tobytes()
    onnx.save(model, str(tmp_path / "nan.onnx"))
    with pytest.raises(ModelError, match=r"prune: weight 'layers\.3\.weight' holds 1 value"):
        pruned(tmp_path / "nan.onnx", target, sparsity=0.5)


def test_the_same_bytes_again(languages: Net, tmp_path: Path) -> None:
    for name in ("a", "b"):
        pruned(languages.onnx, tmp_path / name, sparsity=0.7, scope="global")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def _matmul(path: Path, matrix: np.ndarray) -> None:
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"], "mm")],
        "g",
        [onnx.helper.make_tensor_value_info("x", kind, ["n", matrix.shape[0]])],
        [onnx.helper.make_tensor_value_info("y", kind, ["n", matrix.shape[1]])],
        [onnx.numpy_helper.from_array(matrix, "w")],
    )
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9), str(path))

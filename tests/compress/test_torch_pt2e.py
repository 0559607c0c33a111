"""torch's own quantizer: ranges found on rows, and training with the rounding in place."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from harness.compress.network import Network
from harness.compress.parameters import QuantizeParameters
from harness.compress.quantize import Quantize
from harness.core.models import InputSpec, ModelSpec, OutputSpec, OutputType, Task
from harness.errors import ModelError
from harness.ports.compress import StepReport
from tests.compress.conftest import Net, done, signal_to_noise

PT2E = {"mode": "pt2e", "calibrate": {"data": "train", "rows": 128}}
QAT = {"mode": "qat", "finetune": {"data": "train", "epochs": 1, "rows": 512, "learning_rate": 1e-4}}

pytestmark = pytest.mark.filterwarnings("ignore")


def quantized(net: Net, folder: Path, given: dict[str, Any], network: Network | None = None) -> tuple[Path, StepReport]:
    feed = lambda name, rows: iter([{net.tensor: net.training[:rows]}])  # noqa: E731
    context = net.torch_context(folder / "s", feed=feed)
    report = Quantize().lower(network or net.network(), folder / "m.onnx", QuantizeParameters.model_validate(given), context)
    return folder / "m.onnx", report


def accuracy(net: Net, path: Path) -> float:
    return float((net.answers(path).argmax(axis=1) == net.targets).mean())


@pytest.mark.parametrize("given", [PT2E, QAT], ids=["pt2e", "qat"])
def test_weights_are_stored_in_8_bits_and_the_answers_stay(net: Net, tmp_path: Path, given: dict[str, Any]) -> None:
    path, report = quantized(net, tmp_path, given)
    stored = [tensor for tensor in onnx.load(str(path)).graph.initializer if len(tensor.dims) > 1]
    whole = {tuple(tensor.dims) for tensor in stored if tensor.data_type == onnx.TensorProto.INT8}
    for layer in report.layers:
        if layer.done:
            assert layer.shape in whole
            assert layer.facts["bits"] == 8
        elif len(layer.shape) > 1:
            assert layer.name == "embed.weight", "an embedding is looked up, not multiplied"
    assert len(done(report)) >= 3
    assert path.stat().st_size < 0.5 * net.onnx.stat().st_size
    assert accuracy(net, path) > accuracy(net, net.onnx) - 0.02


def test_what_is_decoded_is_within_half_a_step_of_the_original(survey: Net, tmp_path: Path) -> None:
    """By hand: the stored integers times the scale of their row."""
    path, _ = quantized(survey, tmp_path, PT2E)
    model = onnx.load(str(path))
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    whole = survey.module.get_parameter("layers.3.weight").detach().numpy()
    found = 0
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in tensors and tensors[node.input[0]].shape == whole.shape:
            scale = tensors[node.input[1]].reshape(-1, 1)
            assert (np.abs(tensors[node.input[0]] * scale - whole) <= scale / 2 + 1e-6).all()
            found += 1
    assert found == 1


def decoded(path: Path) -> list[NDArray[np.float32]]:
    """By hand: each stored matrix times the scale of its channels."""
    model = onnx.load(str(path))
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type == "DequantizeLinear" and node.input[0] in tensors]
    return [
        tensors[node.input[0]] * tensors[node.input[1]].reshape(-1, *[1] * (tensors[node.input[0]].ndim - 1))
        for node in nodes
        if tensors[node.input[0]].ndim > 1
    ]


@pytest.mark.parametrize(("rate", "moves"), [(3e-2, True), (1e-12, False)])
def test_training_with_the_rounding_moves_the_weights(survey: Net, tmp_path: Path, rate: float, moves: bool) -> None:
    path, report = quantized(survey, tmp_path, {**QAT, "finetune": {"data": "train", "epochs": 2, "rows": 512, "learning_rate": rate}})
    assert [row["epoch"] for row in report.table] == [1, 2]
    for name, made in zip(("layers.0.weight", "layers.3.weight", "layers.6.weight"), decoded(path), strict=True):
        whole = survey.module.get_parameter(name).detach().numpy()
        steps = np.abs(made).max(axis=1, keepdims=True) / 127
        moved = np.abs(made - whole) > steps
        assert (moved.mean() > 0.2) if moves else not moved.any()
        (layer,) = [layer for layer in report.layers if layer.name == name]
        assert layer.done
        assert ("sqnr_db" in layer.facts) != moves, "what training moved is no longer comparable"


def test_training_with_the_rounding_wins_back_what_ranges_alone_lose(digits: Net, tmp_path: Path) -> None:
    """One channel 300 times as large as it was leaves 8 bits few steps for its neighbours; what follows divides it again."""
    module = copy.deepcopy(digits.module)
    with torch.no_grad():
        for each in (module[4].weight, module[4].bias):
            each[3] *= 300
        module[7].weight[:, 3] /= 300
    uneven = replace(digits, module=module)
    whole = digits.torch_accuracy(module)
    assert whole == pytest.approx(digits.torch_accuracy(digits.module), abs=2e-3), "in floats nothing has changed"
    ranges, _ = quantized(uneven, tmp_path / "ranges", PT2E)
    trained, _ = quantized(
        uneven, tmp_path / "trained", {"mode": "qat", "finetune": {"data": "train", "epochs": 10, "learning_rate": 1e-3}}
    )
    lost = whole - accuracy(digits, ranges)
    assert lost > 0.02
    assert accuracy(digits, trained) > whole - lost / 2


class Twins(torch.nn.Module):
    """Two layers of one shape, and of one bias or none."""

    def __init__(self, *, bias: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.other = torch.nn.Linear(8, 8, bias=bias), torch.nn.Linear(8, 8, bias=bias)
        if bias:
            torch.nn.init.zeros_(self.one.bias)
            torch.nn.init.zeros_(self.other.bias)

    def forward(self, answers: torch.Tensor) -> torch.Tensor:
        """(n, 8) answers to (n, 8) numbers."""
        made: torch.Tensor = self.other(torch.relu(self.one(answers)))
        return made


@pytest.mark.parametrize("exclude", [[], ["one"], ["other"]])
@pytest.mark.parametrize("bias", [True, False])
def test_layers_of_one_shape_are_told_apart(survey: Net, tmp_path: Path, exclude: list[str], bias: bool) -> None:
    network = Network(Twins(bias=bias), survey.spec, [{"answers": survey.rows[:32]}], tmp_path)
    whole = {name: value.detach().numpy().copy() for name, value in network.weights()}
    path, report = quantized(survey, tmp_path, {**PT2E, "exclude": exclude}, network)
    assert set(done(report)) == {f"{name}.weight" for name in ("one", "other") if name not in exclude}
    stored = decoded(path)
    for layer in report.layers:
        if layer.done:
            ratios = [signal_to_noise(whole[layer.name], array) for array in stored]
            assert layer.facts["sqnr_db"] == pytest.approx(max(ratios), abs=0.01)
        elif len(layer.shape) > 1:
            assert layer.reason == "excluded"


def test_a_folded_normalisation_is_told_from_rounding(digits: Net, tmp_path: Path) -> None:
    """By hand: the weights of the convolution times what the normalisation behind it multiplies with."""
    path, report = quantized(digits, tmp_path, PT2E)
    facts = {layer.name: layer.facts for layer in report.layers}
    state = digits.module.state_dict()
    for (conv, norm), made in zip([("3", "4"), ("7", "8")], decoded(path)[1:3], strict=True):
        factor = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + 1e-5).sqrt()
        whole = (state[f"{conv}.weight"] * factor.reshape(-1, 1, 1, 1)).numpy()
        assert facts[f"{conv}.weight"]["sqnr_db"] == pytest.approx(signal_to_noise(whole, made), abs=0.1)


def test_excluded_layers_stay_in_floats(survey: Net, tmp_path: Path) -> None:
    _, report = quantized(survey, tmp_path, {**PT2E, "exclude": ["layers.6"]})
    assert set(done(report)) == {"layers.0.weight", "layers.3.weight"}
    with pytest.raises(ModelError, match=r"exclude: the network has no layer called 'layers.7'; did you mean"):
        quantized(survey, tmp_path / "b", {**PT2E, "exclude": ["layers.7"]})


class Lookup(torch.nn.Module):
    """Nothing but an embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(20, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.table(x).sum(dim=1)
        return made


def test_a_network_in_which_nothing_can_be_quantized_is_an_error(survey: Net, tmp_path: Path) -> None:
    spec = ModelSpec("original", "torch", None, (InputSpec("x", ("x",)),), OutputSpec(OutputType.VECTOR, Task.RANKING))
    network = Network(Lookup(), spec, [{"x": np.arange(12).reshape(4, 3)}], tmp_path)
    calibrated = {"mode": "pt2e", "calibrate": {"data": "train"}}
    context = survey.torch_context(tmp_path / "s", feed=lambda name, rows: iter([{"x": np.arange(12).reshape(4, 3)}]))
    with pytest.raises(ModelError, match="nothing was quantized, the result would be the original itself"):
        Quantize().lower(network, tmp_path / "m.onnx", QuantizeParameters.model_validate(calibrated), context)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mode": "pt2e"}, "mode pt2e needs rows to find ranges on"),
        ({"mode": "qat"}, "mode qat needs rows to train on"),
        ({**PT2E, "finetune": {"data": "train"}}, "finetune means nothing with mode pt2e; it belongs to mode qat"),
        ({**QAT, "per": "tensor"}, "mode qat has one scale per channel; leave per out"),
        ({**PT2E, "bits": 4}, "mode pt2e computes in 8 bits, not 4"),
    ],
)
def test_parameters_that_make_no_sense(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        QuantizeParameters.model_validate(given)

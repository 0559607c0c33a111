"""Weights in few bits, trained while they are rounded: alone, and in a schedule from more bits to fewer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from harness.compress import torch_rounding, torch_training
from harness.compress.folder import intact, made_folder
from harness.compress.network import Network
from harness.compress.parameters import QuantizeParameters
from harness.compress.quantize import Quantize
from harness.compress.runtime import session
from harness.compress.schedule import FinetuneParameters
from harness.core.models import InputSpec, ModelSpec, OutputSpec, OutputType, Step, Task
from harness.errors import ModelError
from harness.ports.compress import Rows, StepReport
from tests.compress import decoding
from tests.compress.build import context
from tests.compress.conftest import Net, done
from tests.compress.test_maker import candidate, maker, steps_of

TRAINED: dict[str, Any] = {"mode": "weights", "bits": 4, "finetune": {"data": "train", "epochs": 1, "rows": 512}}
STILL = {"data": "train", "epochs": 1, "rows": 64, "learning_rate": 1e-30}
LINEAR = ("layers.0.weight", "layers.3.weight", "layers.6.weight")


def quantized(net: Net, folder: Path, given: dict[str, Any], network: Network | None = None) -> tuple[Path, StepReport]:
    folder.mkdir(exist_ok=True)
    parameters = QuantizeParameters.model_validate(given)
    return folder / "m.onnx", Quantize().lower(network or net.network(), folder / "m.onnx", parameters, net.torch_context(folder / "s"))


def accuracy(net: Net, path: Path) -> float:
    return float((net.answers(path).argmax(axis=1) == net.targets).mean())


def decoded(path: Path, name: str, bits: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """By hand: stored levels times the scale of their row."""
    tensors = decoding.tensors(path)
    levels = decoding.levels(tensors, name, bits, shape)
    return np.asarray(levels * decoding.floats(tensors[f"{name}_scale"]).reshape(-1, *[1] * (len(shape) - 1)), np.float32)


@pytest.mark.parametrize("bits", [1, 2])
def test_training_wins_back_what_rounding_lost(digits: Net, tmp_path: Path, bits: int) -> None:
    plain = tmp_path / "plain.onnx"
    Quantize().apply(digits.onnx, plain, QuantizeParameters(mode="weights", bits=bits), digits.context(tmp_path / "s"))
    path, report = quantized(digits, tmp_path / "t", TRAINED | {"bits": bits, "finetune": {"data": "train", "epochs": 5}})
    lost = accuracy(digits, digits.onnx) - accuracy(digits, plain)
    assert lost > 0.05, "there is something to win back"
    assert accuracy(digits, path) > accuracy(digits, plain) + lost / 2
    assert path.stat().st_size == pytest.approx(plain.stat().st_size, rel=0.02)
    assert {layer.facts["bits"] for layer in report.layers if layer.done} == {float(bits)}
    assert [row["epoch"] for row in report.table] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("bits", [3, 8])
def test_what_is_stored_is_the_trained_weight_rounded(survey: Net, tmp_path: Path, bits: int) -> None:
    network = survey.network()
    path, _ = quantized(survey, tmp_path, TRAINED | {"bits": bits}, network)
    top = 2 ** (bits - 1) - 1
    for name in LINEAR:
        weight = network.module.get_parameter(name).detach().numpy()
        assert np.abs(weight - survey.module.get_parameter(name).detach().numpy()).max() > 1e-4, "it was trained"
        scale = np.abs(weight).max(axis=1, keepdims=True) / top
        np.testing.assert_allclose(decoded(path, name, bits, weight.shape), np.rint(weight / scale) * scale, atol=1e-6)


@pytest.mark.parametrize("per", [{"per": "channel"}, {"per": "tensor"}, {"per": "block", "block": 16}])
@pytest.mark.parametrize("bits", [2, 5, 16])
def test_the_network_is_trained_with_the_weights_of_the_file(survey: Net, tmp_path: Path, bits: int, per: dict[str, Any]) -> None:
    """While it is rounded, torch answers what the file answers operator by operator."""
    given = TRAINED | per | {"bits": bits, "finetune": STILL}
    path, _ = quantized(survey, tmp_path, given)
    network = survey.network()
    layers = [layer for layer in network.module.modules() if isinstance(layer, torch.nn.Linear)]
    with torch_rounding._rounding(layers, QuantizeParameters.model_validate(given)):
        expected = network.answers({survey.tensor: survey.rows})["logits"]
    (found,) = session(path, fused=False).run(None, {survey.tensor: survey.rows})
    np.testing.assert_allclose(found, expected, atol=1e-4)
    again = network.answers({survey.tensor: survey.rows})["logits"]
    np.testing.assert_array_equal(again, survey.network().answers({survey.tensor: survey.rows})["logits"], "unrounded again")


def test_zeros_stay_zero(survey: Net, tmp_path: Path) -> None:
    network = survey.network()
    weight = network.module.get_parameter("layers.3.weight")
    with torch.no_grad():
        weight[:, ::2] = 0
    path, report = quantized(survey, tmp_path, TRAINED | {"bits": 8}, network)
    assert not decoded(path, "layers.3.weight", 8, tuple(weight.shape))[:, ::2].any()
    (layer,) = [layer for layer in report.layers if layer.name == "layers.3.weight"]
    assert layer.facts["sparsity"] >= 0.5


def test_excluded_layers_stay_floats(survey: Net, tmp_path: Path) -> None:
    path, report = quantized(survey, tmp_path, TRAINED | {"exclude": ["layers.3"]})
    assert set(done(report)) == {"layers.0.weight", "layers.6.weight"}
    assert decoding.tensors(path)["layers.3.weight"].data_type == onnx.TensorProto.FLOAT
    with pytest.raises(ModelError, match=r"exclude: the network has no layer called 'layers.33'; did you mean 'layers.3'"):
        quantized(survey, tmp_path, TRAINED | {"exclude": ["layers.33"]})
    with pytest.raises(ModelError, match="no linear, convolutional or embedding layer that is not excluded"):
        quantized(survey, tmp_path, TRAINED | {"exclude": ["layers"]})


class Tied(torch.nn.Module):
    """A head that is its embedding."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = torch.nn.Embedding(12, 16)
        self.middle = torch.nn.Linear(16, 16)
        self.head = torch.nn.Linear(16, 12, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, length) tokens to (n, 12) logits."""
        found: torch.Tensor = self.head(self.middle(self.embed(tokens)).mean(1))
        return found


TOKENS = np.arange(24).reshape(8, 3) % 12


def lowered(module: torch.nn.Module, folder: Path, *, exclude: tuple[str, ...] = ()) -> tuple[Network, StepReport]:
    """A network of tokens, trained for an epoch with 8-bit weights and written to `m.onnx`."""
    output = OutputSpec(OutputType.LOGITS, Task.MULTICLASS, name="logits")
    spec = ModelSpec("original", "torch", None, (InputSpec("tokens", ("tokens",)),), output)
    network = Network(module.eval(), spec, [{"tokens": TOKENS}], folder)
    given = context(folder, lessons=lambda data, rows: iter([({"tokens": TOKENS}, np.arange(8))]), output=output)
    parameters = QuantizeParameters(mode="weights", bits=8, exclude=exclude, finetune=FinetuneParameters(data="train"))
    return network, Quantize().lower(network, folder / "m.onnx", parameters, given)


def test_a_tied_weight_stays_one(tmp_path: Path) -> None:
    network, report = lowered(Tied(), tmp_path)
    assert network.module.head.weight is network.module.embed.weight
    assert "middle.weight" in done(report)
    assert [note for note in report.notes if note.startswith("rounded only after the training")] != []
    expected = network.answers({"tokens": TOKENS})["logits"]
    (found,) = session(tmp_path / "m.onnx").run(None, {"tokens": TOKENS})
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


@pytest.mark.parametrize("exclude", ["head", "embed"])
def test_a_tied_weight_is_left_alone_when_either_of_its_layers_is(tmp_path: Path, exclude: str) -> None:
    network, report = lowered(Tied(), tmp_path, exclude=(exclude,))
    assert set(done(report)) == {"middle.weight"}
    wanted = network.module.head.weight.detach().numpy()
    stored = [onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(str(tmp_path / "m.onnx")).graph.initializer]
    assert any(array.shape in (wanted.shape, wanted.T.shape) and np.isin(array, wanted).all() for array in stored)


class Mixed(torch.nn.Module):
    """Attention and a recurrent layer, whose matrices are none of a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = torch.nn.Embedding(12, 16)
        self.attention = torch.nn.MultiheadAttention(16, 2, batch_first=True)
        self.rnn = torch.nn.LSTM(16, 16, batch_first=True)
        self.head = torch.nn.Linear(16, 12)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.head(self.rnn(x)[0].mean(dim=1))


def test_attention_that_is_excluded_stays_whole(tmp_path: Path) -> None:
    _, report = lowered(Mixed(), tmp_path, exclude=("attention",))
    assert not any(name.startswith("attention") for name in done(report))
    assert {"embed.weight", "head.weight"} <= set(done(report))


def test_what_was_not_trained_rounded_is_named(tmp_path: Path) -> None:
    _, report = lowered(Mixed(), tmp_path)
    (note,) = [note for note in report.notes if note.startswith("rounded only after the training")]
    assert "attention.in_proj_weight" in note
    assert "head.weight" not in note


def test_a_recurrent_layer_cannot_be_left_out_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'rnn' cannot be left out here, as the exported graph no longer knows its weights by name"):
        lowered(Mixed(), tmp_path, exclude=("rnn",))


def test_killed_training_goes_on_after_the_last_whole_epoch(survey: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = TRAINED | {"finetune": {"data": "train", "epochs": 3, "rows": 256}}
    undisturbed, _ = quantized(survey, tmp_path / "whole", given)
    keep = torch_training._Keeper.keep

    def killed(self: Any, table: list[Any]) -> None:
        keep(self, table)
        if len(table) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(torch_training._Keeper, "keep", killed)
    with pytest.raises(KeyboardInterrupt):
        quantized(survey, tmp_path / "cut", given)
    monkeypatch.setattr(torch_training._Keeper, "keep", keep)
    path, report = quantized(survey, tmp_path / "cut", given)
    assert [row["epoch"] for row in report.table] == [1, 2, 3]
    assert path.read_bytes() == undisturbed.read_bytes()


GRADUAL: dict[str, Any] = {"mode": "weights", "bits": [16, 8, 4, 2], "validate": "held_out", "max_total_drop": "2pp"}


def test_a_schedule_trains_after_each_stage_and_the_last_that_held_comes_out(digits: Net, tmp_path: Path) -> None:
    """It gets further than the same schedule without training: rounding to 2 bits alone loses too much."""
    seen: list[float] = []

    def score(model: Any, answer: Any, data: str) -> float:
        seen.append(float((answer({"input": digits.rows[:600]})["logits"].argmax(1) == digits.targets[:600]).mean()))
        return seen[-1]

    given = GRADUAL | {"finetune": {"data": "train", "epochs": 4}}
    parameters = QuantizeParameters.model_validate(given)
    assert Quantize().data(parameters) == (Rows("train", "train"), Rows("held_out", "validate"))
    lessons = lambda model, data, rows: digits.lessons(data, rows)  # noqa: E731
    made = maker(digits, tmp_path / "cache", score=score, lessons=lessons).make(
        candidate(digits, Step("quantize", parameters)), digits.spec
    )
    (record,) = steps_of(made)
    assert [entry["parameters"]["bits"] for entry in record["trace"] if entry["kept"]] == [16, 8, 4, 2]
    assert {layer["facts"]["bits"] for layer in record["layers"] if layer["done"]} == {2.0}
    assert seen[0] - seen[-1] <= 0.02
    assert sorted(path.name for path in made.folder.iterdir()) == ["artifact.json", "model.onnx"], "no unrounded weights go along"
    plain = maker(digits, tmp_path / "plain", score=score).make(
        candidate(digits, Step("quantize", QuantizeParameters.model_validate(GRADUAL))), digits.spec
    )
    assert [entry["kept"] for entry in steps_of(plain)[0]["trace"]][-1] is False


def test_each_stage_goes_on_from_unrounded_weights(survey: Net, tmp_path: Path) -> None:
    """Training that moves nothing leaves of 16, 8 and 4 bits what 4 bits at once leave: no rounding hides behind another."""
    parameters = QuantizeParameters.model_validate({"mode": "weights", "bits": [16, 8, 4], "finetune": STILL})
    assert not any(stage.again for stage in Quantize().stages(parameters))
    lessons = lambda model, data, rows: survey.lessons(data, rows)  # noqa: E731
    made = maker(survey, tmp_path / "cache", lessons=lessons).make(candidate(survey, Step("quantize", parameters)), survey.spec)
    at_once, _ = quantized(survey, tmp_path / "once", TRAINED | {"finetune": STILL})
    for name in LINEAR:
        shape = tuple(survey.module.get_parameter(name).shape)
        np.testing.assert_array_equal(decoded(made.folder / "model.onnx", name, 4, shape), decoded(at_once, name, 4, shape))


def test_an_original_that_is_onnx_cannot_be_trained(survey: Net, tmp_path: Path) -> None:
    spec = ModelSpec("original", "onnx", None, inputs=survey.spec.inputs, output=survey.spec.output)
    step = Step("quantize", QuantizeParameters.model_validate(TRAINED))
    with pytest.raises(ModelError, match="step quantize needs the torch network, and this model exists as ONNX only"):
        maker(survey, tmp_path, onnx_path=lambda model: survey.onnx).make(candidate(survey, step), spec)


def test_few_bit_products_are_not_trained() -> None:
    with pytest.raises(ValueError, match="finetune with mode weights needs engine: onnx"):
        QuantizeParameters.model_validate(TRAINED | {"engine": "matmul_nbits"})


def test_a_damaged_network_of_a_stage_is_noticed(tmp_path: Path) -> None:
    """It lies in a folder of its own beside the model."""

    def build(building: Path) -> dict[str, Any]:
        (building / "model.onnx").write_bytes(b"model")
        (building / "network").mkdir()
        (building / "network" / "network.safetensors").write_bytes(b"weights")
        return {}

    folder = tmp_path / "stage"
    made_folder(folder, build)
    assert intact(folder) is not None
    (folder / "network" / "network.safetensors").write_bytes(b"weight")
    assert intact(folder) is None

"""Weights of torch networks as products of smaller ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from harness.compress.factorize import Factorize
from harness.compress.factorize_parameters import FactorizeParameters
from harness.compress.network import Network
from harness.core.models import InputSpec, ModelSpec
from harness.errors import ModelError
from tests.compress.build import context, export
from tests.compress.conftest import Net, done, factorized, signal_to_noise


def weight_of(module: torch.nn.Module, path: str) -> np.ndarray:
    """The weight that a chain of linear layers stands for, multiplied out by numpy."""
    layer = module.get_submodule(path)
    if isinstance(layer, torch.nn.Linear):
        return layer.weight.detach().numpy()
    product = np.eye(layer[0].weight.shape[1])
    for part in layer:
        product = part.weight.detach().numpy() @ product
    return product


@pytest.mark.parametrize("rank", [1, 5, 20])
def test_svd_is_the_nearest_matrix_of_its_rank(survey: Net, tmp_path: Path, rank: int) -> None:
    """Eckart and Young: the error is the sum of the squares of the singular values left out, by numpy."""
    network, report = factorized(survey, tmp_path, rank=rank, only=["layers.3"])
    whole = survey.module.get_submodule("layers.3").weight.detach().double().numpy()
    made = weight_of(network.module, "layers.3")
    values = np.linalg.svd(whole, compute_uv=False)
    assert np.linalg.matrix_rank(made, tol=1e-4) == rank
    assert np.sum((whole - made) ** 2) == pytest.approx(np.sum(values[rank:] ** 2), rel=1e-4)
    layer = report.layers[0]
    assert layer.facts["rank"] == rank
    assert layer.facts["kept"] == pytest.approx(rank * (96 + 96) / (96 * 96))
    assert layer.facts["sqnr_db"] == pytest.approx(signal_to_noise(whole, made), abs=0.01)


def test_energy_chooses_the_smallest_rank_that_keeps_it(survey: Net, tmp_path: Path) -> None:
    _, report = factorized(survey, tmp_path, energy="80%", only=["layers.3"])
    squares = np.linalg.svd(survey.module.get_submodule("layers.3").weight.detach().double().numpy(), compute_uv=False) ** 2
    kept = np.cumsum(squares) / squares.sum()
    assert report.layers[0].facts["rank"] == 1 + int(np.sum(kept < 0.8))


def test_a_layer_that_would_grow_is_left_alone(survey: Net, tmp_path: Path) -> None:
    """Of 96 × 96 with rank 58: 58 · (96 + 96) numbers."""
    network, report = factorized(survey, tmp_path, ratio="60%")
    reasons = {layer.name: layer.reason for layer in report.layers}
    assert reasons["layers.3.weight"] == "rank 58 would need 11,136 numbers in place of 9,216"
    assert isinstance(network.module.get_submodule("layers.3"), torch.nn.Linear)
    assert done(report).keys() == {"layers.0.weight", "layers.6.weight"}
    assert sum(p.numel() for p in network.module.parameters()) < sum(p.numel() for p in survey.module.parameters())
    with pytest.raises(
        ModelError, match=r"factorize \(svd\): no layer became smaller .*layers.3.weight: rank 96 would need 18,432 numbers"
    ):
        factorized(survey, tmp_path / "b", ratio="100%")


def test_at_full_rank_it_answers_like_the_original(survey: Net) -> None:
    """The factors themselves, since a layer that would grow is left alone."""
    from harness.compress.torch_decompose import linear_parts

    layer = survey.module.get_submodule("layers.3")
    parts = linear_parts("layers.3", layer, FactorizeParameters(ratio=1.0))
    made = torch.nn.Sequential(*(torch.nn.Linear(**spec["kwargs"]) for spec in parts.specs))
    for place, state in enumerate(parts.solve()[0]):
        made[place].load_state_dict(state)
    x = torch.randn(100, 96, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(made(x), layer(x), atol=1e-5, rtol=1e-5)


def test_an_embedding_becomes_two(languages: Net, tmp_path: Path) -> None:
    network, report = factorized(languages, tmp_path, rank=24, only=["embed"])
    first, second = network.module.embed
    assert isinstance(first, torch.nn.Embedding)
    assert (first.weight.shape, second.weight.shape) == ((257, 24), (64, 24))
    made = first.weight.detach().numpy() @ second.weight.detach().numpy().T
    whole = languages.module.embed.weight.detach().numpy()
    values = np.linalg.svd(whole.astype(np.float64), compute_uv=False)
    assert np.sum((whole - made) ** 2) == pytest.approx(np.sum(values[24:] ** 2), rel=1e-3)
    assert np.allclose(made[0], whole[0], atol=1e-4), "the padding row, all zeros, stays so"
    assert report.layers[0].facts["rank"] == 24


@pytest.mark.parametrize(("method", "more"), [("tucker", {"ratio": "60%"}), ("tucker", {"energy": "90%"}), ("cp", {"rank": 48})])
def test_a_convolution_computes_what_its_factors_say(digits: Net, tmp_path: Path, method: str, more: dict[str, Any]) -> None:
    """The weight is multiplied out by einsum and put into an ordinary convolution, borders and all."""
    network, report = factorized(digits, tmp_path, method=method, only=["3"], **more)
    parts = [part.weight.detach() for part in network.module[3]]
    if method == "tucker":
        whole = torch.einsum("rchw,or,ci->oihw", parts[1], parts[2][:, :, 0, 0], parts[0][:, :, 0, 0])
    else:
        whole = torch.einsum("or,ri,rh,rw->oihw", parts[3][:, :, 0, 0], parts[0][:, :, 0, 0], parts[1][:, 0, :, 0], parts[2][:, 0, 0, :])
    plain = torch.nn.Conv2d(32, 64, 3, padding=1)
    plain.weight.data, plain.bias.data = whole, digits.module[3].bias.data
    x = torch.randn(4, 32, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network.module[3](x), plain(x), atol=1e-4, rtol=1e-4)
    original = digits.module[3].weight.detach().numpy()
    assert report.layers[0].facts["sqnr_db"] == pytest.approx(signal_to_noise(original, whole.numpy()), abs=0.1)
    assert sum(part.numel() for part in parts) < original.size
    assert report.layers[0].facts["kept"] == pytest.approx(sum(part.numel() for part in parts) / original.size)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("method", ["tucker", "cp"])
@pytest.mark.parametrize(("kernel", "dilation"), [((4, 2), (1, 1)), ((2, 5), (1, 2)), ((2, 4), (2, 3)), ((3, 1), (1, 1)), ((4,), (3,))])
def test_padding_to_the_same_size(tmp_path: Path, method: str, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> None:
    """An even kernel is padded by more on the right. A weight of one outer product is exact at rank 1."""
    rng = np.random.default_rng(1)
    layer = (torch.nn.Conv1d if len(kernel) == 1 else torch.nn.Conv2d)(6, 8, kernel, padding="same", dilation=dilation)
    letters = "hw"[: len(kernel)]
    factors = [rng.standard_normal(size) for size in (8, 6, *kernel)]
    layer.weight.data = torch.from_numpy(np.einsum(f"o,i,{','.join(letters)}->oi{letters}", *factors)).float()
    x = rng.standard_normal((3, 6, 9, 10)[: 2 + len(kernel)]).astype(np.float32)
    expected = layer(torch.from_numpy(x)).detach()
    rows = [{"x": x}]
    network = Network(torch.nn.Sequential(layer), ModelSpec("original", "torch", None, inputs=(InputSpec("x", ("x",)),)), rows, tmp_path)
    Factorize().transform(network, FactorizeParameters.model_validate({"method": method, "rank": 1}), context(tmp_path))
    torch.testing.assert_close(torch.from_numpy(network.answers(rows[0])["output"]), expected, atol=1e-4, rtol=1e-5)
    export(network.source, network.module, network.rows, tmp_path / "m.onnx")


def test_more_rank_is_nearer(digits: Net, tmp_path: Path) -> None:
    for method in ("tucker", "cp"):
        ranks = [8, 16, 32]
        found = [
            factorized(digits, tmp_path / f"{method}{rank}", method=method, rank=rank, only=["7"])[1].layers[0].facts["sqnr_db"]
            for rank in ranks
        ]
        assert found == sorted(found)
        assert found[-1] > found[0] + 1


def test_a_strided_convolution_of_one_dimension(languages: Net, tmp_path: Path) -> None:
    network, _ = factorized(languages, tmp_path, method="tucker", ratio="50%")
    batch = {"tokens": languages.rows[:7]}
    assert network.answers(batch)["logits"].shape == (7, 64)
    (tmp_path / "kept").mkdir()
    network.save(tmp_path / "kept")
    again = Network(languages.network().module, languages.spec, network.rows, network.root)
    again.load(tmp_path / "kept")
    np.testing.assert_array_equal(again.answers(batch)["logits"], network.answers(batch)["logits"])


def test_training_afterwards_recovers(digits: Net, tmp_path: Path) -> None:
    bare, _ = factorized(digits, tmp_path / "a", method="tucker", linear="svd", ratio="50%")
    finetune = {"data": "train", "epochs": 10, "learning_rate": 3e-3}
    trained, _ = factorized(digits, tmp_path / "b", method="tucker", linear="svd", ratio="50%", finetune=finetune)
    lost = digits.torch_accuracy(digits.module) - digits.torch_accuracy(bare.module)
    assert lost > 0.1
    assert digits.torch_accuracy(digits.module) - digits.torch_accuracy(trained.module) < 0.2 * lost


class Tied(torch.nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.free = (torch.nn.Linear(20, 20) for _ in range(3))
        self.two.weight = self.one.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.free(self.two(self.one(x)))


def test_tied_weights_are_left_alone(digits: Net, tmp_path: Path) -> None:
    rows = [{"x": np.zeros((4, 20), np.float32)}]
    network = Network(Tied(), ModelSpec("original", "torch", None, inputs=(InputSpec("x", ("x",)),)), rows, tmp_path)
    report = Factorize().transform(network, FactorizeParameters(rank=2), digits.torch_context(tmp_path))
    assert list(done(report)) == ["free.weight"]
    assert {layer.reason for layer in report.layers if layer.name == "one.weight"} == {"its weight also serves two"}


class Attending(torch.nn.Module):
    """Two modules of torch's own that read the weights of layers inside them, and one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.block = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.last = torch.nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.block(x))


@pytest.mark.parametrize("method", ["svd", "tucker", "cp"])
def test_weights_that_others_read_are_left_alone(tmp_path: Path, method: str) -> None:
    rows = [{"x": np.random.default_rng(0).standard_normal((4, 5, 16)).astype(np.float32)}]
    network = Network(Attending(), ModelSpec("original", "torch", None, inputs=(InputSpec("x", ("x",)),)), rows, tmp_path)
    report = Factorize().transform(network, FactorizeParameters.model_validate({"method": method, "rank": 2}), context(tmp_path))
    assert list(done(report)) == ["last.weight"]
    reasons = {layer.name: layer.reason for layer in report.layers}
    assert reasons["block.self_attn.out_proj.weight"] == "MultiheadAttention reads its weight itself"
    assert reasons["block.linear1.weight"] == "TransformerEncoderLayer reads its weight itself"
    assert np.isfinite(network.answers(rows[0])["output"]).all()


@pytest.mark.parametrize("method", ["tucker", "cp"])
def test_a_layer_of_zeros_is_left_alone(tmp_path: Path, method: str) -> None:
    """Their decomposition divides by the norm of the weight."""
    silent, layer = torch.nn.Conv1d(12, 12, 3, padding=1), torch.nn.Conv1d(12, 12, 3, padding=1)
    torch.nn.init.zeros_(silent.weight)
    rows = [{"x": np.zeros((4, 12, 5), np.float32)}]
    source = ModelSpec("original", "torch", None, inputs=(InputSpec("x", ("x",)),))
    network = Network(torch.nn.Sequential(silent, layer), source, rows, tmp_path)
    report = Factorize().transform(network, FactorizeParameters.model_validate({"method": method, "rank": 2}), context(tmp_path))
    assert list(done(report)) == ["1.weight"]
    assert next(each.reason for each in report.layers if each.name == "0.weight") == "all its weights are zero"


@pytest.mark.parametrize("method", ["svd", "tucker", "cp"])
def test_the_parts_have_the_type_of_the_layer(tmp_path: Path, method: str) -> None:
    rows = [{"x": np.zeros((4, 12), np.float32)}]
    source = ModelSpec("original", "torch", None, inputs=(InputSpec("x", ("x",)),))
    network = Network(torch.nn.Sequential(torch.nn.Linear(12, 12)).bfloat16(), source, rows, tmp_path)
    Factorize().transform(network, FactorizeParameters.model_validate({"method": method, "rank": 2}), context(tmp_path))
    assert {value.dtype for value in network.module.parameters()} == {torch.bfloat16}
    assert network.answers(rows[0])["output"].shape == (4, 12)


def test_a_rank_that_some_layers_cannot_have_is_said(survey: Net, digits: Net, tmp_path: Path) -> None:
    """Of 8 → 96, 96 → 96 and 96 → 2, rank 20 is possible in the second alone."""
    _, report = factorized(survey, tmp_path / "a", rank=20)
    told = {layer.name: layer.done or layer.reason for layer in report.layers}
    assert told["layers.0.weight"] == "rank 8 (20 was asked, and its largest is 8) would need 832 numbers in place of 768"
    assert told["layers.3.weight"] == "rank 20, 3,840 numbers in place of 9,216"
    assert told["layers.6.weight"] == "rank 2 (20 was asked, and its largest is 2) would need 196 numbers in place of 192"
    _, report = factorized(digits, tmp_path / "b", method="tucker", rank=20, exclude=["7", "13"])
    told = {layer.name: layer.done or layer.reason for layer in report.layers}
    assert told["0.weight"].startswith("rank 9 × 1 (20 was asked, and its largest are 9 × 1)"), "9 pixels of one channel"
    assert told["3.weight"].startswith("rank 20 × 20, ")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rank": 200, "only": ["layers.3"]}, "rank 200 is more than layer 'layers.3' can have; its largest is 96"),
        ({"rank": 2, "only": ["layer.3"]}, r"only: the network has no layer called 'layer.3'; did you mean 'layers.3'\?"),
        ({"rank": 2, "exclude": ["head"]}, "exclude: the network has no layer called 'head'"),
    ],
)
def test_what_the_network_does_not_have(survey: Net, tmp_path: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        factorized(survey, tmp_path, **given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "by one of rank, ratio or energy; found none"),
        ({"rank": 2, "energy": "90%"}, "found rank and energy"),
        ({"method": "cp", "energy": "90%"}, "cp has no ranks that energy could choose between"),
        ({"ratio": 0}, "must lie above 0"),
        ({"rank": 2, "linear": "tensor"}, "linear: tensor needs method tucker or cp; svd takes matrices"),
    ],
)
def test_parameters_that_make_no_sense(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        FactorizeParameters.model_validate(given)

"""Linear layers and embeddings as tensors of more axes: the chains that stand for them, against their factors multiplied out."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from harness.compress.factorize import Factorize
from harness.compress.factorize_parameters import FactorizeParameters
from harness.compress.network import Network
from harness.compress.torch_export import export
from harness.compress.torch_factorize import _decompose
from harness.compress.torch_parts import Parts
from harness.compress.torch_tensors import CpFold, CpSpread, TuckerFold, TuckerSpread, split
from harness.errors import ModelError
from harness.ports.compress import StepReport
from tests.compress.conftest import Net, done, signal_to_noise

TYPES: dict[str, Any] = {
    "Linear": torch.nn.Linear,
    "Embedding": torch.nn.Embedding,
    "TuckerFold": TuckerFold,
    "TuckerSpread": TuckerSpread,
    "CpFold": CpFold,
    "CpSpread": CpSpread,
}


def factorized(net: Net, folder: Path, **more: Any) -> tuple[Network, StepReport]:
    network = net.network()
    parameters = FactorizeParameters.model_validate({"matrices": "reshape", **more})
    report = Factorize().transform(network, parameters, net.torch_context(folder))
    network.module.eval()
    return network, report


def chain(parts: Parts) -> torch.nn.Sequential:
    made = torch.nn.Sequential(*(TYPES[spec["type"]](**spec["kwargs"]) for spec in parts.specs))
    for layer, state in zip(made, parts.states, strict=True):
        layer.load_state_dict(state)
    return made


def multiplied_out(made: Any) -> NDArray[np.float32]:
    """The matrix that a chain stands for, by einsum over its factors, axis by axis."""
    begin, end = made[0], made[-1]
    rows, columns = np.asarray(_values(end.rows)), np.asarray(_values(end.columns))
    if isinstance(end, CpSpread):
        if isinstance(begin, torch.nn.Embedding):
            whole = np.einsum("vr,ar,br->vab", _values(begin), rows, columns)
            return np.asarray(whole.reshape(len(whole), -1))
        whole = np.einsum("ar,br,cr,rd->abcd", rows, columns, _values(begin.rows), _values(begin.columns))
    else:
        core = _values(made[1])
        if isinstance(begin, torch.nn.Embedding):
            core = core.reshape(columns.shape[1], rows.shape[1], -1)
            whole = np.einsum("tsr,vr,as,bt->vab", core, _values(begin), rows, columns)
            return np.asarray(whole.reshape(len(whole), -1))
        inner, outer = _values(begin.rows), _values(begin.columns)
        core = core.reshape(columns.shape[1], rows.shape[1], len(outer), len(inner))
        whole = np.einsum("tsqp,as,bt,pc,qd->abcd", core, rows, columns, inner, outer)
    return np.asarray(whole.reshape(whole.shape[0] * whole.shape[1], -1))


def _values(module: Any) -> NDArray[np.float32]:
    found = module.weight if isinstance(module, torch.nn.Module) else module
    return np.asarray(found.detach().numpy())


def test_lengths_are_split_as_equally_as_they_can_be() -> None:
    for size in range(1, 400):
        first, second = split(size)
        assert first * second == size
        assert first <= second
        assert not any(size % each == 0 for each in range(first + 1, math.isqrt(size) + 1))


@settings(max_examples=25, deadline=None)
@given(outputs=st.integers(2, 24), inputs=st.integers(2, 24), bias=st.booleans(), lead=st.sampled_from([(5,), (3, 4), (2, 1, 3)]))
def test_tucker_at_full_rank_is_the_linear_layer(outputs: int, inputs: int, bias: bool, lead: tuple[int, ...]) -> None:
    torch.manual_seed(outputs * 100 + inputs)
    layer = torch.nn.Linear(inputs, outputs, bias=bias)
    made = chain(_decompose("x", layer, FactorizeParameters(method="tucker", matrices="reshape", ratio=1.0)))
    x = torch.randn(*lead, inputs)
    torch.testing.assert_close(made(x), layer(x), atol=1e-5, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(2, 40), numbers=st.integers(2, 24))
def test_tucker_at_full_rank_is_the_embedding(rows: int, numbers: int) -> None:
    torch.manual_seed(rows * 100 + numbers)
    layer = torch.nn.Embedding(rows, numbers)
    made = chain(_decompose("x", layer, FactorizeParameters(method="tucker", matrices="reshape", ratio=1.0)))
    tokens = torch.arange(rows).reshape(1, -1)
    torch.testing.assert_close(made(tokens), layer(tokens), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("rank", [1, 3])
def test_cp_finds_a_tensor_of_known_rank(rank: int) -> None:
    """A weight that is such a sum is found again; its factors are drawn apart from each other."""
    random = np.random.default_rng(rank)
    factors = [random.normal(size=(size, rank)) for size in (4, 5, 3, 6)]
    weight = np.einsum("ar,br,cr,dr->abcd", *factors).reshape(20, 18)
    layer = torch.nn.Linear(18, 20)
    layer.weight.data = torch.from_numpy(weight).float()
    parts = _decompose("x", layer, FactorizeParameters(method="cp", matrices="reshape", rank=rank))
    x = torch.randn(7, 18, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(chain(parts)(x), layer(x), atol=1e-2, rtol=1e-2)
    assert parts.numbers == rank * (4 + 5 + 3 + 6)


@pytest.mark.parametrize(("method", "more"), [("tucker", {"ratio": "60%"}), ("tucker", {"energy": "90%"}), ("cp", {"rank": 64})])
def test_a_linear_layer_computes_what_its_factors_say(survey: Net, tmp_path: Path, method: str, more: dict[str, Any]) -> None:
    network, report = factorized(survey, tmp_path, method=method, only=["layers.3"], **more)
    made = network.module.get_submodule("layers.3")
    whole = multiplied_out(made)
    plain = torch.nn.Linear(96, 96)
    original = survey.module.get_submodule("layers.3")
    plain.weight.data, plain.bias.data = torch.from_numpy(whole), original.bias.data  # type: ignore[union-attr]  # a linear layer
    x = torch.randn(5, 96, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(made(x), plain(x), atol=1e-4, rtol=1e-4)
    layer = report.layers[0]
    weight = original.weight.detach().numpy()  # type: ignore[union-attr, operator]  # a linear layer
    assert layer.facts["sqnr_db"] == pytest.approx(signal_to_noise(weight, whole), abs=0.1)
    numbers = sum(value.numel() for name, value in made.named_parameters() if not name.endswith("bias"))
    assert layer.facts["kept"] == pytest.approx(numbers / weight.size)
    assert numbers < weight.size
    assert not any(other.reason for other in report.layers if other.name.startswith("layers.3."))


@pytest.mark.parametrize(("method", "more"), [("tucker", {"ratio": "50%"}), ("cp", {"rank": 40})])
def test_an_embedding_computes_what_its_factors_say(languages: Net, tmp_path: Path, method: str, more: dict[str, Any]) -> None:
    network, report = factorized(languages, tmp_path, method=method, only=["embed"], **more)
    made = network.module.get_submodule("embed")
    whole = multiplied_out(made)
    tokens = torch.arange(257).reshape(1, -1)
    np.testing.assert_allclose(made(tokens)[0].detach().numpy(), whole, atol=1e-4)
    assert report.layers[0].facts["sqnr_db"] == pytest.approx(
        signal_to_noise(languages.module.embed.weight.detach().numpy(), whole), abs=0.1
    )


def test_energy_is_kept_along_each_axis(survey: Net, tmp_path: Path) -> None:
    """The rank of each axis by numpy: the smallest whose singular values hold that share of the sum of squares."""
    _, report = factorized(survey, tmp_path, method="tucker", energy="80%", only=["layers.3"])
    weight = survey.module.get_submodule("layers.3").weight.detach().double().numpy().reshape(8, 12, 8, 12)  # type: ignore[union-attr, operator]
    ranks = []
    for axis in range(4):
        squares = np.linalg.svd(np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1), compute_uv=False) ** 2
        ranks.append(1 + int(np.sum(np.cumsum(squares) / squares.sum() < 0.8)))
    assert report.layers[0].done.startswith(f"rank {' × '.join(map(str, ranks))} of 8 × 12 × 8 × 12, ")


def test_a_rank_is_that_of_each_axis_as_far_as_it_goes(survey: Net, tmp_path: Path) -> None:
    _, report = factorized(survey, tmp_path, method="tucker", rank=9, only=["layers.3"])
    assert report.layers[0].done.startswith("rank 8 × 9 × 8 × 9 of 8 × 12 × 8 × 12")
    with pytest.raises(ModelError, match=r"rank 13 is more than layer 'layers.3' can have; its largest is 12"):
        factorized(survey, tmp_path, method="tucker", rank=13, only=["layers.3"])


FRESH = """
import sys
import numpy as np, onnxruntime
rows = np.load(sys.argv[2])
(found,) = onnxruntime.InferenceSession(sys.argv[1]).run(None, {sys.argv[4]: rows})
np.save(sys.argv[3], found)
"""


@pytest.mark.parametrize(("method", "more"), [("tucker", {"ratio": "70%"}), ("cp", {"rank": 48})])
def test_it_is_kept_exported_and_loaded_in_a_fresh_process(languages: Net, tmp_path: Path, method: str, more: dict[str, Any]) -> None:
    """Structure and weights are plain values: the network is built again from them, and the graph answers without the harness."""
    network, report = factorized(languages, tmp_path, method=method, **more)
    assert {"embed.weight", "head.weight"} <= set(done(report))
    batch = {"tokens": languages.rows[:7]}
    expected = network.answers(batch)["logits"]
    (tmp_path / "kept").mkdir()
    network.save(tmp_path / "kept")
    again = Network(languages.network().module, languages.spec, network.rows, network.root)
    again.load(tmp_path / "kept")
    np.testing.assert_array_equal(again.answers(batch)["logits"], expected)
    export(network, tmp_path / "m.onnx")
    np.save(tmp_path / "rows.npy", batch["tokens"])
    command = [sys.executable, "-c", FRESH, *(str(tmp_path / name) for name in ("m.onnx", "rows.npy", "found.npy")), "tokens"]
    subprocess.run(command, check=True, timeout=120)
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), expected, atol=1e-3)


def test_training_afterwards_recovers(survey: Net, tmp_path: Path) -> None:
    """Nearer to the right answers of the rows it learned from, with every factor trained."""
    rows, targets = torch.from_numpy(survey.training[:512]), torch.from_numpy(survey.training_targets[:512])
    bare, _ = factorized(survey, tmp_path / "a", method="tucker", ratio="50%")
    trained, report = factorized(
        survey,
        tmp_path / "b",
        method="tucker",
        ratio="50%",
        finetune={"data": "train", "rows": 512, "epochs": 20, "learning_rate": 3e-3},
    )
    with torch.inference_mode():
        losses = [float(torch.nn.functional.cross_entropy(network.module(rows), targets)) for network in (bare, trained)]
    assert losses[1] < losses[0]
    assert len(report.table) == 20
    before, after = dict(bare.module.named_parameters()), dict(trained.module.named_parameters())
    assert all(not torch.equal(before[name], after[name]) for name in before)


def test_factors_can_be_quantized_afterwards(survey: Net, tmp_path: Path) -> None:
    from harness.compress.parameters import QuantizeParameters
    from harness.compress.quantize import Quantize

    network, _ = factorized(survey, tmp_path, method="tucker", ratio="70%")
    export(network, tmp_path / "m.onnx")
    report = Quantize().apply(
        tmp_path / "m.onnx", tmp_path / "q.onnx", QuantizeParameters(mode="weights", bits=8), survey.context(tmp_path / "s")
    )
    assert any(name.startswith("layers.3.") for name in done(report))
    expected = survey.answers(tmp_path / "m.onnx")
    assert signal_to_noise(expected, survey.answers(tmp_path / "q.onnx")) > 25


@pytest.mark.parametrize("method", ["tucker", "cp"])
def test_by_default_matrices_go_by_svd(survey: Net, tmp_path: Path, method: str) -> None:
    network = survey.network()
    Factorize().transform(
        network, FactorizeParameters.model_validate({"method": method, "rank": 8, "only": ["layers.3"]}), survey.torch_context(tmp_path)
    )
    assert [type(part) for part in network.module.get_submodule("layers.3").children()] == [torch.nn.Linear, torch.nn.Linear]


def test_svd_reshapes_nothing() -> None:
    with pytest.raises(ValidationError, match="matrices means nothing with method svd"):
        FactorizeParameters.model_validate({"method": "svd", "rank": 2, "matrices": "reshape"})


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # torch, of the copy that it makes for even kernels
@pytest.mark.parametrize(("kernel", "dilation"), [((3, 3), 1), ((2, 4), 1), ((4, 2), 2)])
def test_a_convolution_that_keeps_its_size_keeps_it_along_each_axis(kernel: tuple[int, int], dilation: int) -> None:
    """padding: same, where even kernels are padded more on one side; the weight is of rank 2, so that cp is exact."""
    random = np.random.default_rng(0)
    factors = [random.normal(size=(size, 2)) for size in (6, 5, *kernel)]
    layer = torch.nn.Conv2d(5, 6, kernel, padding="same", dilation=dilation)
    layer.weight.data = torch.from_numpy(np.einsum("or,ir,hr,wr->oihw", *factors)).float()
    parts = _decompose("x", layer, FactorizeParameters(method="cp", rank=2))
    made = torch.nn.Sequential(*(getattr(torch.nn, spec["type"])(**spec["kwargs"]) for spec in parts.specs))
    for part, state in zip(made, parts.states, strict=True):
        part.load_state_dict(state)
    x = torch.randn(2, 5, 9, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(made(x), layer(x), atol=2e-2, rtol=2e-2)


def test_a_rank_beyond_the_largest_is_said(survey: Net, tmp_path: Path) -> None:
    network = survey.network()
    report = Factorize().transform(network, FactorizeParameters(method="svd", rank=5), survey.torch_context(tmp_path))
    reasons = {layer.name: layer.done or layer.reason for layer in report.layers}
    assert reasons["layers.6.weight"].startswith("rank 2 (its largest) would need")

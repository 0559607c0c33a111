"""Linear layers and embeddings as tensors: what their small factors compute, and what a file keeps of them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.compress.edits import part_of
from harness.compress.factorize import Factorize
from harness.compress.factorize_parameters import FactorizeParameters
from harness.compress.network import Network
from harness.compress.torch_tensorize import split, tensor_parts
from harness.core.models import InputSpec, ModelSpec
from tests.compress.build import context
from tests.compress.conftest import Net, factorized, signal_to_noise

Matrix = torch.nn.Linear | torch.nn.Embedding
EVEN = {8: (2, 4), 9: (3, 3), 12: (3, 4), 15: (3, 5), 20: (4, 5), 21: (3, 7), 24: (4, 6), 36: (6, 6)}
"""The most even splits, by hand."""
PRIMES = (11, 13, 17)
QUICK = settings(max_examples=25, deadline=None)


def made(layer: Matrix, **given: Any) -> torch.nn.Sequential:
    """The layers that stand for one, whatever their size."""
    parts = tensor_parts("layer", layer, FactorizeParameters.model_validate(given))
    states, _ = parts.solve()
    chain = torch.nn.Sequential(*(part_of(spec) for spec in parts.specs))
    for place, state in enumerate(states):
        chain[place].load_state_dict(state)
    return chain


def linear(weight: NDArray[Any], *, bias: bool) -> torch.nn.Linear:
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=bias)
    layer.weight.data = torch.from_numpy(weight).float()
    return layer


def modes(size: int) -> tuple[int, ...]:
    return EVEN.get(size, (size,))


def random_tucker(sizes: tuple[int, ...], rank: int, seed: int) -> NDArray[np.float64]:
    """A tensor whose unfoldings all have at most that rank, with entries about 1."""
    rng = np.random.default_rng(seed)
    tensor = rng.standard_normal([min(rank, size) for size in sizes])
    for mode, size in enumerate(sizes):
        tensor = np.moveaxis(np.tensordot(rng.standard_normal((size, tensor.shape[mode])), tensor, (1, mode)), 0, mode)
    return tensor / tensor.std()


def random_terms(sizes: tuple[int, ...], rank: int, seed: int) -> NDArray[np.float64]:
    """A sum of that many outer products of vectors that are orthogonal within each mode, which makes it their only sum."""
    rng = np.random.default_rng(seed)
    letters = "abcd"[: len(sizes)]
    factors = [np.linalg.qr(rng.standard_normal((size, rank)))[0] for size in sizes]
    tensor = np.einsum(f"r,{','.join(f'{letter}r' for letter in letters)}->{letters}", np.arange(rank, 0, -1.0), *factors)
    return tensor / tensor.std()


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Within 1e-5 of the largest answer."""
    assert found.shape == expected.shape
    assert float((found - expected).detach().abs().max()) <= 1e-5 * max(1.0, float(expected.detach().abs().max()))


@pytest.mark.parametrize("size", [1, 2, 30, 127, 384, 1536, 30522])
def test_a_size_is_split_as_evenly_as_it_can_be(size: int) -> None:
    found = split(size)
    assert math.prod(found) == size
    divisors = [factor for factor in range(1, size + 1) if size % factor == 0]
    if len(divisors) <= 2:
        assert found == (size,)
    else:
        assert len(found) == 2
        assert found[1] - found[0] == min(abs(size // factor - factor) for factor in divisors)
        assert found[0] <= found[1]


# Nothing is lost where the rank suffices


@QUICK
@given(st.sampled_from([*EVEN, *PRIMES]), st.sampled_from([*EVEN]), st.integers(1, 3), st.booleans(), st.booleans(), st.integers(0, 99))
def test_tucker_of_a_linear_layer_of_that_rank_answers_alike(one: int, other: int, rank: int, turn: bool, bias: bool, seed: int) -> None:
    outputs, inputs = (other, one) if turn else (one, other)
    weight = random_tucker((*modes(outputs), *modes(inputs)), rank, seed).reshape(outputs, inputs)
    layer = linear(weight, bias=bias)
    x = torch.randn(2, 7, inputs, generator=torch.Generator().manual_seed(seed))
    close(made(layer, method="tucker", rank=rank)(x), layer(x))
    close(made(layer, method="tucker", energy=1.0)(x), layer(x))


@QUICK
@given(st.integers(2, 60), st.sampled_from([*EVEN]), st.integers(1, 3), st.integers(0, 99))
def test_tucker_of_an_embedding_of_that_rank_gives_the_same_rows(rows: int, width: int, rank: int, seed: int) -> None:
    layer = torch.nn.Embedding(rows, width)
    layer.weight.data = torch.from_numpy(random_tucker((rows, *EVEN[width]), rank, seed).reshape(rows, width)).float()
    tokens = torch.arange(rows).reshape(1, -1)
    close(made(layer, method="tucker", rank=rank)(tokens), layer(tokens))
    close(made(layer, method="tucker", energy=1.0)(tokens), layer(tokens))


@QUICK
@given(st.sampled_from([*EVEN, *PRIMES]), st.sampled_from([*EVEN]), st.integers(1, 2), st.booleans(), st.integers(0, 99))
def test_cp_of_a_linear_layer_of_that_rank_answers_alike(one: int, other: int, rank: int, turn: bool, seed: int) -> None:
    outputs, inputs = (other, one) if turn else (one, other)
    weight = random_terms((*modes(outputs), *modes(inputs)), rank, seed).reshape(outputs, inputs)
    layer = linear(weight, bias=True)
    x = torch.randn(2, 7, inputs, generator=torch.Generator().manual_seed(seed))
    close(made(layer, method="cp", rank=rank)(x), layer(x))


@QUICK
@given(st.integers(2, 60), st.sampled_from([*EVEN]), st.integers(1, 2), st.integers(0, 99))
def test_cp_of_an_embedding_of_that_rank_gives_the_same_rows(rows: int, width: int, rank: int, seed: int) -> None:
    layer = torch.nn.Embedding(rows, width)
    layer.weight.data = torch.from_numpy(random_terms((rows, *EVEN[width]), rank, seed).reshape(rows, width)).float()
    tokens = torch.arange(rows).reshape(1, -1)
    close(made(layer, method="cp", rank=rank)(tokens), layer(tokens))


@pytest.mark.parametrize("rank", [5, 20])
def test_more_terms_than_a_weight_has_do_no_harm(rank: int) -> None:
    """The equations of the least squares are singular then."""
    layer = linear(random_terms((3, 4, 4, 5), 1, 3).reshape(12, 20), bias=True)
    x = torch.randn(7, 20, generator=torch.Generator().manual_seed(0))
    close(made(layer, method="cp", rank=rank)(x), layer(x))


# What is in the network afterwards, counted by hand


def test_tucker_of_a_linear_layer(survey: Net, tmp_path: Path) -> None:
    """96 × 96 as 8 × 12 × 8 × 12: with rank 4 a core of 4⁴ numbers and 2 · (8 + 12) · 4 in the factors."""
    network, report = factorized(survey, tmp_path, method="tucker", rank=4, only=["layers.3"])
    into, core, out_of = network.module.get_submodule("layers.3")
    kinds = [type(part).__name__ for part in (into, core, out_of)]
    assert kinds == ["Kronecker", "Linear", "Kronecker"]
    b1, b2, g, a1, a2 = (
        value.detach().double().numpy()
        for value in (into.first.weight, into.second.weight, core.weight, out_of.first.weight, out_of.second.weight)
    )
    assert (b1.shape, b2.shape, g.shape, a1.shape, a2.shape) == ((4, 8), (4, 12), (16, 16), (8, 4), (12, 4))
    whole = np.einsum("oa,pb,abcd,ci,dj->opij", a1, a2, g.reshape(4, 4, 4, 4), b1, b2).reshape(96, 96)
    x = np.random.default_rng(0).standard_normal((5, 96)).astype(np.float32)
    original = survey.module.get_submodule("layers.3")
    expected = x @ whole.T + original.bias.detach().numpy()
    with torch.inference_mode():
        np.testing.assert_allclose(network.module.get_submodule("layers.3")(torch.from_numpy(x)).numpy(), expected, atol=1e-5)
    layer = report.layers[0]
    assert layer.done.startswith("rank 4 × 4 × 4 × 4 of 8 × 12 × 8 × 12, 416 numbers in place of 9,216")
    # 8·12·4 + 8·4·4 into the core, 16·16 in it, 4·4·12 + 4·12·8 out of it.
    assert layer.done.endswith("1,344 multiplications per row in place of 9,216")
    assert layer.facts["rank"] == 4
    assert layer.facts["kept"] == pytest.approx(416 / 9216)
    assert layer.facts["sqnr_db"] == pytest.approx(signal_to_noise(original.weight.detach().numpy(), whole), abs=0.01)
    before, after = (sum(value.numel() for value in module.parameters()) for module in (survey.module, network.module))
    assert before - after == 9216 - 416


def test_cp_of_a_linear_layer(survey: Net, tmp_path: Path) -> None:
    """Twenty terms of four vectors: 20 · (8 + 12 + 8 + 12) numbers."""
    network, report = factorized(survey, tmp_path, method="cp", rank=20, only=["layers.3"])
    into, out_of = network.module.get_submodule("layers.3")
    whole = np.einsum(
        "or,pr,ir,rj->opij",
        *(value.detach().double().numpy() for value in (out_of.first, out_of.second.weight.T.T, into.first, into.second.weight)),
    ).reshape(96, 96)
    assert (into.first.shape, into.second.weight.shape) == ((8, 20), (20, 12))
    assert (out_of.first.shape, out_of.second.weight.shape) == ((8, 20), (12, 20))
    original = survey.module.get_submodule("layers.3")
    x = np.random.default_rng(0).standard_normal((5, 96)).astype(np.float32)
    with torch.inference_mode():
        found = network.module.get_submodule("layers.3")(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, x @ whole.T + original.bias.detach().numpy(), atol=1e-5)
    layer = report.layers[0]
    assert layer.done.startswith("rank 20 of 8 × 12 × 8 × 12, 800 numbers in place of 9,216")
    # 8·12·20 + 8·20 to the terms, 8·20 + 8·20·12 from them.
    assert layer.done.endswith("4,160 multiplications per row in place of 9,216")
    assert layer.facts["sqnr_db"] == pytest.approx(signal_to_noise(original.weight.detach().numpy(), whole), abs=0.01)


def test_an_embedding_keeps_its_rows(languages: Net, tmp_path: Path) -> None:
    """257 × 64 as 257 × 8 × 8: with rank 6 a table of 257 · 6, a core of 6 · 36, and two factors of 8 · 6."""
    network, report = factorized(languages, tmp_path, method="tucker", rank=6, only=["embed"])
    table, core, out_of = network.module.embed
    whole = np.einsum(
        "nr,abr,ka,lb->nkl",
        *(
            value.detach().double().numpy()
            for value in (table.weight, core.weight.reshape(6, 6, 6), out_of.first.weight, out_of.second.weight)
        ),
    ).reshape(257, 64)
    with torch.inference_mode():
        np.testing.assert_allclose(network.module.embed(torch.arange(257)).numpy(), whole, atol=1e-5)
    assert report.layers[0].done.startswith(f"rank 6 × 6 × 6 of 257 × 8 × 8, {257 * 6 + 6 * 36 + 2 * 48:,} numbers in place of 16,448")
    assert table.padding_idx == 0
    assert np.abs(whole[0]).max() < 1e-6, "the padding row, all zeros, stays so"


def test_the_rows_of_an_embedding_need_no_more_ranks_than_the_others_have_together(languages: Net, tmp_path: Path) -> None:
    """A quarter of 64 and of 8 and 8 is 16 and 2 and 2; only 2 · 2 ranks are left for the rows, which then need no core."""
    network, report = factorized(languages, tmp_path, method="tucker", ratio="25%", only=["embed"])
    table, out_of = network.module.embed
    assert (table.weight.shape, out_of.first.weight.shape, out_of.second.weight.shape) == ((257, 4), (8, 2), (8, 2))
    assert report.layers[0].done.startswith("rank 4 × 2 × 2 of 257 × 8 × 8")
    whole = (
        table.weight.detach().double().numpy()
        @ np.kron(*(factor.weight.detach().double().numpy() for factor in (out_of.first, out_of.second))).T
    )
    ranks = [
        np.linalg.matrix_rank(np.moveaxis(whole.reshape(257, 8, 8), mode, 0).reshape(size, -1), tol=1e-4)
        for mode, size in enumerate((257, 8, 8))
    ]
    assert ranks == [4, 2, 2]


def test_energy_is_kept_in_each_mode_and_bounds_what_is_lost(survey: Net, tmp_path: Path) -> None:
    """De Lathauwer et al. 2000, property 10: the squared error is at most the sum of what each mode loses. By numpy."""
    network, report = factorized(survey, tmp_path, method="tucker", energy="90%", only=["layers.3"])
    whole = survey.module.get_submodule("layers.3").weight.detach().double().numpy()
    tensor, expected, lost = whole.reshape(8, 12, 8, 12), [], 0.0
    for mode, size in enumerate(tensor.shape):
        squares = np.linalg.svd(np.moveaxis(tensor, mode, 0).reshape(size, -1), compute_uv=False) ** 2
        rank = 1 + int(np.sum(np.cumsum(squares) / squares.sum() < 0.9))
        expected.append(rank)
        lost += squares[rank:].sum()
    assert report.layers[0].done.startswith(f"rank {' × '.join(map(str, expected))} of")
    with torch.inference_mode():
        answers = network.module.get_submodule("layers.3")(torch.eye(96)).double().numpy()
    found = (answers - survey.module.get_submodule("layers.3").bias.detach().numpy()).T
    error = np.sum((found - whole) ** 2)
    assert 0 < error <= lost * (1 + 1e-6)
    assert error <= 4 * 0.1 * np.sum(whole**2)


def test_more_rank_is_nearer(survey: Net, tmp_path: Path) -> None:
    for method, ranks in (("tucker", (2, 4, 8)), ("cp", (5, 20, 80))):
        found = [
            factorized(survey, tmp_path / f"{method}{rank}", method=method, rank=rank, only=["layers.3"])[1].layers[0].facts["sqnr_db"]
            for rank in ranks
        ]
        assert found == sorted(found)
        assert found[-1] > found[0] + 1


# Sizes that cannot be split, ranks that cannot be had, and the other way


def one(layer: torch.nn.Module, folder: Path, inputs: NDArray[Any]) -> Network:
    module = torch.nn.Sequential(layer)
    return Network(module.eval(), ModelSpec("original", "torch", None, inputs=(InputSpec("x", ("x",)),)), [{"x": inputs}], folder)


@pytest.mark.parametrize("method", ["tucker", "cp"])
def test_a_prime_matrix_is_factorized_by_svd(tmp_path: Path, method: str) -> None:
    """Eckart and Young: what is lost are the squares of the singular values left out, by numpy."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(13, 11)
    whole = layer.weight.detach().double().numpy()
    network = one(layer, tmp_path, np.zeros((4, 13), np.float32))
    report = Factorize().transform(network, FactorizeParameters.model_validate({"method": method, "rank": 3}), context(tmp_path))
    assert report.layers[0].done == "rank 3 by svd, as 11 and 13 cannot be split, 72 numbers in place of 143"
    first, second = network.module[0]
    product = (second.weight @ first.weight).detach().double().numpy()
    assert np.sum((product - whole) ** 2) == pytest.approx(np.sum(np.linalg.svd(whole, compute_uv=False)[3:] ** 2), rel=1e-4)


def test_an_embedding_of_a_prime_width_is_factorized_by_svd(tmp_path: Path) -> None:
    network = one(torch.nn.Embedding(40, 13), tmp_path, np.zeros((4, 3), np.int64))
    report = Factorize().transform(network, FactorizeParameters(method="tucker", rank=2), context(tmp_path))
    assert report.layers[0].done == "rank 2 by svd, as 13 cannot be split, 106 numbers in place of 520"


def test_a_rank_that_no_mode_has(survey: Net, tmp_path: Path) -> None:
    """With all modes whole the core is the layer itself: nothing is gained."""
    _, report = factorized(survey, tmp_path, method="tucker", rank=9, only=["layers.3"])
    words = "rank 8 × 9 × 8 × 9 (9 was asked, and its largest are 8 × 12 × 8 × 12) of 8 × 12 × 8 × 12"
    assert report.layers[0].done.startswith(words)


@pytest.mark.parametrize("method", ["tucker", "cp"])
def test_linear_layers_by_svd_when_that_is_asked_for(languages: Net, tmp_path: Path, method: str) -> None:
    plain, _ = factorized(languages, tmp_path / "a", method="svd", rank=12, only=["embed", "head"])
    other, _ = factorized(languages, tmp_path / "b", method=method, linear="svd", rank=12, only=["embed", "head"])
    assert json.dumps(plain.edits) == json.dumps(other.edits)
    for name, value in plain.module.state_dict().items():
        torch.testing.assert_close(other.module.state_dict()[name], value, rtol=0, atol=0)

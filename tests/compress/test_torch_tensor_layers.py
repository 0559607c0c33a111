"""Layers that are small factors of a matrix, against numpy."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.compress.torch_tensor_layers import FromTerms, Kronecker, ToTerms

QUICK = settings(max_examples=25, deadline=None)


@QUICK
@given(st.tuples(*[st.integers(1, 5)] * 4), st.lists(st.integers(1, 3), max_size=2), st.booleans(), st.integers(0, 99))
def test_a_kronecker_layer_multiplies_by_the_kronecker_product(
    sizes: tuple[int, int, int, int], batch: list[int], bias: bool, seed: int
) -> None:
    a, b, c, d = sizes
    torch.manual_seed(seed)
    layer = Kronecker((a, b), (c, d), bias=bias)
    for value in layer.parameters():
        torch.nn.init.normal_(value)
    first = np.eye(a) if layer.first is None else layer.first.weight.detach().numpy()
    second = np.eye(b) if layer.second is None else layer.second.weight.detach().numpy()
    x = torch.randn(*batch, a * b)
    expected = x.numpy() @ np.kron(first, second).T + (layer.bias.detach().numpy() if layer.bias is not None else 0)
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-4, rtol=1e-4)


@QUICK
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 7), st.lists(st.integers(1, 3), max_size=2), st.integers(0, 99))
def test_terms_are_taken_and_summed_up(a: int, b: int, rank: int, batch: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    into, out_of = ToTerms((a, b), rank), FromTerms(rank, (a, b), bias=True)
    for value in (*into.parameters(), *out_of.parameters()):
        torch.nn.init.normal_(value)
    x, h = torch.randn(*batch, a * b), torch.randn(*batch, rank)
    grid = x.numpy().reshape(*batch, a, b)
    taken = np.einsum("...ij,ir,rj->...r", grid, into.first.detach().numpy(), into.second.weight.detach().numpy())
    np.testing.assert_allclose(into(x).detach().numpy(), taken, atol=1e-4, rtol=1e-4)
    given_back = np.einsum("...r,kr,lr->...kl", h.numpy(), out_of.first.detach().numpy(), out_of.second.weight.detach().numpy())
    expected = given_back.reshape(*batch, a * b) + out_of.bias.detach().numpy()
    np.testing.assert_allclose(out_of(h).detach().numpy(), expected, atol=1e-4, rtol=1e-4)

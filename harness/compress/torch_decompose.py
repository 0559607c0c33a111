"""Factors of one layer's weight, as layers that follow each other. Imports torch.

svd:     W = U S V, truncated: the nearest product of that rank (Eckart and Young 1936).
tucker:  two modes of a convolution's weight, outputs and inputs (Kim et al. 2016, arXiv:1511.06530), by tensorly.
cp:      a sum of outer products, one factor per mode (Lebedev et al. 2015, arXiv:1412.6553), by tensorly.

Linear layers and embeddings by tucker and cp are in `torch_tensorize`.
"""

from __future__ import annotations

from typing import Any

import torch

from harness.compress.cp_terms import cp_terms, tensorly
from harness.compress.factorize_parameters import FactorizeParameters
from harness.compress.ranks import by_energy, by_number, told
from harness.compress.torch_parts import Parts, Solved, Spec, State, as_tensor, bias_of, part, sqnr_db

Convolution = torch.nn.Conv1d | torch.nn.Conv2d | torch.nn.Conv3d


def linear_parts(name: str, layer: torch.nn.Linear | torch.nn.Embedding, parameters: FactorizeParameters) -> Parts:
    """Two layers through a narrow middle."""
    weight = layer.weight.detach().double()
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    largest = [len(values)]
    ranks = by_number(name, largest, parameters) if parameters.energy is None else [by_energy(values.numpy(), parameters.energy)]
    (rank,) = ranks
    embedding, bias = isinstance(layer, torch.nn.Embedding), bias_of(layer)

    def solve() -> Solved:
        root = values[:rank].sqrt()
        first, second = (root[:, None] * right[:rank]).to(layer.weight.dtype), (left[:, :rank] * root).to(layer.weight.dtype)
        states: tuple[State, ...] = ({"weight": first}, {"weight": second, **bias})
        if embedding:
            states = ({"weight": second}, {"weight": first.T.contiguous()})
        return states, sqnr_db(weight, second.double() @ first.double())

    if isinstance(layer, torch.nn.Embedding):
        specs = (table(layer, rank), part("Linear", in_features=rank, out_features=layer.embedding_dim, bias=False))
    else:
        specs = (
            part("Linear", in_features=layer.in_features, out_features=rank, bias=False),
            part("Linear", in_features=rank, out_features=layer.out_features, bias=bool(bias)),
        )
    return Parts(specs, rank, told(ranks, largest, parameters), solve)


def table(layer: torch.nn.Embedding, width: int) -> Spec:
    """An embedding with the rows of `layer`, `width` wide."""
    padding = {} if layer.padding_idx is None else {"padding_idx": layer.padding_idx}
    return part("Embedding", num_embeddings=layer.num_embeddings, embedding_dim=width, **padding)


def tucker_parts(name: str, layer: Convolution, parameters: FactorizeParameters) -> Parts:
    """A 1-wide convolution to few channels, one between few channels, a 1-wide one back."""
    weight = layer.weight.detach().double()
    unfolded = [weight.flatten(1), weight.transpose(0, 1).flatten(1)]
    largest = [min(matrix.shape) for matrix in unfolded]
    if parameters.energy is None:
        ranks = by_number(name, largest, parameters)
    else:
        ranks = [by_energy(torch.linalg.svdvals(matrix).numpy(), parameters.energy) for matrix in unfolded]
    ones, kind, dtype = [1] * (weight.ndim - 2), _kind(layer), layer.weight.dtype

    def solve() -> Solved:
        library = tensorly()
        (core, (outputs, inputs)), _ = library.decomposition.partial_tucker(weight.numpy(), rank=ranks, modes=[0, 1], init="svd")
        whole = library.tenalg.multi_mode_dot(core, [outputs, inputs], modes=[0, 1])
        states = (
            {"weight": as_tensor(inputs.T.reshape(ranks[1], layer.in_channels, *ones), dtype)},
            {"weight": as_tensor(core, dtype)},
            {"weight": as_tensor(outputs.reshape(layer.out_channels, ranks[0], *ones), dtype), **bias_of(layer)},
        )
        return states, sqnr_db(weight, whole)

    specs = (
        part(kind, in_channels=layer.in_channels, out_channels=ranks[1], kernel_size=ones, bias=False),
        part(kind, in_channels=ranks[1], out_channels=ranks[0], bias=False, **_geometry(layer)),
        part(kind, in_channels=ranks[0], out_channels=layer.out_channels, kernel_size=ones, bias=layer.bias is not None),
    )
    return Parts(specs, max(ranks), told(ranks, largest, parameters), solve)


def cp_parts(name: str, layer: Convolution, parameters: FactorizeParameters) -> Parts:
    """A 1-wide convolution to `rank` channels, one depthwise convolution per axis, a 1-wide one back."""
    weight = layer.weight.detach().double()
    # A tensor is a sum of one term for each place in all its modes but one (Kolda and Bader 2009, section 3.1).
    largest = [weight.numel() // max(weight.shape)]
    ranks = by_number(name, largest, parameters)
    (rank,), axes = ranks, weight.ndim - 2
    ones, kind, dtype = [1] * axes, _kind(layer), layer.weight.dtype

    def solve() -> Solved:
        outputs, inputs, *along = cp_terms(weight.numpy(), rank)
        whole = tensorly().cp_tensor.cp_to_tensor((None, [outputs, inputs, *along]))
        states: list[State] = [{"weight": as_tensor(inputs.T.reshape(rank, layer.in_channels, *ones), dtype)}]
        for axis, factor in enumerate(along):
            states.append({"weight": as_tensor(factor.T.reshape(rank, 1, *_only(axis, len(factor), axes, 1)), dtype)})
        last = outputs.reshape(layer.out_channels, rank, *ones)
        return (*states, {"weight": as_tensor(last, dtype), **bias_of(layer)}), sqnr_db(weight, whole)

    specs = (
        part(kind, in_channels=layer.in_channels, out_channels=rank, kernel_size=ones, bias=False),
        *(part(kind, in_channels=rank, out_channels=rank, groups=rank, bias=False, **_geometry_along(layer, axis)) for axis in range(axes)),
        part(kind, in_channels=rank, out_channels=layer.out_channels, kernel_size=ones, bias=layer.bias is not None),
    )
    return Parts(specs, rank, told(ranks, largest, parameters), solve)


def _geometry(layer: Convolution) -> dict[str, Any]:
    padding = layer.padding if isinstance(layer.padding, str) else list(layer.padding)
    return {"kernel_size": list(layer.kernel_size), "stride": list(layer.stride), "padding": padding, "dilation": list(layer.dilation)}


def _geometry_along(layer: Convolution, axis: int) -> dict[str, Any]:
    """The geometry on one axis; on the others the convolution changes nothing.

    `padding: same` stays a word: an even kernel is padded by more on the right than on the left, which no number says, and
    on an axis where the kernel is one wide nothing is padded.
    """
    plain = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1}
    return {
        key: value if isinstance(value, str) else _only(axis, value[axis], len(value), plain[key])
        for key, value in _geometry(layer).items()
    }


def _only(axis: int, value: int, axes: int, elsewhere: int) -> list[int]:
    return [value if place == axis else elsewhere for place in range(axes)]


def _kind(layer: Convolution) -> str:
    return f"Conv{layer.weight.ndim - 2}d"

"""Factors of one layer's weight, as layers that follow each other. Imports torch.

svd:     W = U S V, truncated: the nearest product of that rank (Eckart and Young 1936).
tucker:  two modes of a convolution's weight, outputs and inputs (Kim et al. 2016, arXiv:1511.06530), by tensorly.
cp:      a sum of outer products, one factor per mode (Lebedev et al. 2015, arXiv:1412.6553), by tensorly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from harness.compress.factorize_parameters import FactorizeParameters
from harness.compress.torch_parts import Parts, State, chosen_rank, part, rank_by_number, signal_to_noise, tensor, tensorly, told
from harness.compress.torch_tensors import parafac

Convolution = torch.nn.Conv1d | torch.nn.Conv2d | torch.nn.Conv3d


def linear_parts(name: str, layer: torch.nn.Linear | torch.nn.Embedding, parameters: FactorizeParameters) -> Parts:
    """Two layers through a narrow middle."""
    weight = layer.weight.detach().double()
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    rank = chosen_rank(name, values.numpy(), parameters)
    root = values[:rank].sqrt()
    first, second = (root[:, None] * right[:rank]).to(layer.weight.dtype), (left[:, :rank] * root).to(layer.weight.dtype)
    sqnr = signal_to_noise(weight, second.double() @ first.double())
    if isinstance(layer, torch.nn.Embedding):
        padding = {} if layer.padding_idx is None else {"padding_idx": layer.padding_idx}
        specs = (
            part("Embedding", num_embeddings=layer.num_embeddings, embedding_dim=rank, **padding),
            part("Linear", in_features=rank, out_features=layer.embedding_dim, bias=False),
        )
        return Parts(specs, ({"weight": second}, {"weight": first.T.contiguous()}), rank, told(rank, parameters), sqnr)
    bias = {} if layer.bias is None else {"bias": layer.bias.detach()}
    specs = (
        part("Linear", in_features=layer.in_features, out_features=rank, bias=False),
        part("Linear", in_features=rank, out_features=layer.out_features, bias=bool(bias)),
    )
    return Parts(specs, ({"weight": first}, {"weight": second, **bias}), rank, told(rank, parameters), sqnr)


def tucker_parts(name: str, layer: Convolution, parameters: FactorizeParameters) -> Parts:
    """A 1-wide convolution to few channels, one between few channels, a 1-wide one back."""
    weight = layer.weight.detach().double()
    unfolded = [weight.flatten(1), weight.transpose(0, 1).flatten(1)]
    ranks = [chosen_rank(name, torch.linalg.svdvals(matrix).numpy(), parameters) for matrix in unfolded]
    library = tensorly()
    (core, (outputs, inputs)), _ = library.decomposition.partial_tucker(weight.numpy(), rank=ranks, modes=[0, 1], init="svd")
    whole = library.tenalg.multi_mode_dot(core, [outputs, inputs], modes=[0, 1])
    ones, kind, dtype = [1] * (weight.ndim - 2), _kind(layer), layer.weight.dtype
    specs = (
        part(kind, in_channels=layer.in_channels, out_channels=ranks[1], kernel_size=ones, bias=False),
        part(kind, in_channels=ranks[1], out_channels=ranks[0], bias=False, **_geometry(layer)),
        part(kind, in_channels=ranks[0], out_channels=layer.out_channels, kernel_size=ones, bias=layer.bias is not None),
    )
    states = (
        {"weight": tensor(inputs.T.reshape(ranks[1], layer.in_channels, *ones), dtype)},
        {"weight": tensor(core, dtype)},
        {"weight": tensor(outputs.reshape(layer.out_channels, ranks[0], *ones), dtype), **_bias(layer)},
    )
    return Parts(specs, states, max(ranks), f"{ranks[0]} × {ranks[1]}", signal_to_noise(weight, whole))


def cp_parts(name: str, layer: Convolution, parameters: FactorizeParameters) -> Parts:
    """A 1-wide convolution to `rank` channels, one depthwise convolution per axis, a 1-wide one back."""
    weight = layer.weight.detach().double()
    largest = weight.shape[0] * weight.shape[1]
    rank = rank_by_number(name, min(largest, weight.numel() // max(weight.shape)), parameters)
    strengths, (outputs, inputs, *axes), whole = parafac(weight.numpy(), rank)
    ones, kind, dtype, geometry = [1] * len(axes), _kind(layer), layer.weight.dtype, _geometry(layer)
    specs = [part(kind, in_channels=layer.in_channels, out_channels=rank, kernel_size=ones, bias=False)]
    states: list[State] = [{"weight": tensor(inputs.T.reshape(rank, layer.in_channels, *ones), dtype)}]
    for axis, factor in enumerate(axes):
        specs.append(part(kind, in_channels=rank, out_channels=rank, groups=rank, bias=False, **_along(geometry, axis)))
        shape = [len(factor) if place == axis else 1 for place in range(len(axes))]
        states.append({"weight": tensor(factor.T.reshape(rank, 1, *shape), dtype)})
    specs.append(part(kind, in_channels=rank, out_channels=layer.out_channels, kernel_size=ones, bias=layer.bias is not None))
    states.append({"weight": tensor((outputs * strengths).reshape(layer.out_channels, rank, *ones), dtype), **_bias(layer)})
    return Parts(tuple(specs), tuple(states), rank, told(rank, parameters), signal_to_noise(weight, whole))


def _geometry(layer: Convolution) -> dict[str, Any]:
    padding = layer.padding if isinstance(layer.padding, str) else list(layer.padding)
    return {"kernel_size": list(layer.kernel_size), "stride": list(layer.stride), "padding": padding, "dilation": list(layer.dilation)}


def _along(geometry: Mapping[str, Any], axis: int) -> dict[str, Any]:
    """The numbers of a convolution that goes along one axis alone; padding in words holds for every axis, and kernels of 1 need none."""
    plain = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1}
    return {
        key: value if isinstance(value, str) else [number if place == axis else plain[key] for place, number in enumerate(value)]
        for key, value in geometry.items()
    }


def _kind(layer: Convolution) -> str:
    return f"Conv{layer.weight.ndim - 2}d"


def _bias(layer: Convolution) -> State:
    return {} if layer.bias is None else {"bias": layer.bias.detach()}

"""Factors of one layer's weight, as layers that follow each other. Imports torch.

svd:     W = U S V, truncated: the nearest product of that rank (Eckart and Young 1936).
tucker:  two modes of a convolution's weight, outputs and inputs (Kim et al. 2016, arXiv:1511.06530), by tensorly.
cp:      a sum of outer products, one factor per mode (Lebedev et al. 2015, arXiv:1412.6553), by tensorly.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from harness.compress import facts
from harness.compress.factorize_parameters import FactorizeParameters
from harness.errors import MissingDependencyError, ModelError

State = Mapping[str, torch.Tensor]
Convolution = torch.nn.Conv1d | torch.nn.Conv2d | torch.nn.Conv3d


@dataclass(frozen=True)
class Parts:
    """Layers in order: what each is (type and arguments), its weights, and how well their product stands for the original."""

    specs: tuple[Mapping[str, Any], ...]
    states: tuple[State, ...]
    rank: int
    told: str
    sqnr_db: float | None


def linear_parts(name: str, layer: torch.nn.Linear | torch.nn.Embedding, parameters: FactorizeParameters) -> Parts:
    """Two layers through a narrow middle."""
    weight = layer.weight.detach().double()
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    rank = chosen_rank(name, values.numpy(), parameters)
    root = values[:rank].sqrt()
    first, second = (root[:, None] * right[:rank]).to(layer.weight.dtype), (left[:, :rank] * root).to(layer.weight.dtype)
    sqnr = _sqnr(weight, second.double() @ first.double())
    if isinstance(layer, torch.nn.Embedding):
        padding = {} if layer.padding_idx is None else {"padding_idx": layer.padding_idx}
        specs = (
            _part("Embedding", num_embeddings=layer.num_embeddings, embedding_dim=rank, **padding),
            _part("Linear", in_features=rank, out_features=layer.embedding_dim, bias=False),
        )
        return Parts(specs, ({"weight": second}, {"weight": first.T.contiguous()}), rank, str(rank), sqnr)
    bias = {} if layer.bias is None else {"bias": layer.bias.detach()}
    specs = (
        _part("Linear", in_features=layer.in_features, out_features=rank, bias=False),
        _part("Linear", in_features=rank, out_features=layer.out_features, bias=bool(bias)),
    )
    return Parts(specs, ({"weight": first}, {"weight": second, **bias}), rank, str(rank), sqnr)


def tucker_parts(name: str, layer: Convolution, parameters: FactorizeParameters) -> Parts:
    """A 1-wide convolution to few channels, one between few channels, a 1-wide one back."""
    weight = layer.weight.detach().double()
    unfolded = [weight.flatten(1), weight.transpose(0, 1).flatten(1)]
    ranks = [chosen_rank(name, torch.linalg.svdvals(matrix).numpy(), parameters) for matrix in unfolded]
    library = _tensorly()
    (core, (outputs, inputs)), _ = library.decomposition.partial_tucker(weight.numpy(), rank=ranks, modes=[0, 1], init="svd")
    whole = library.tenalg.multi_mode_dot(core, [outputs, inputs], modes=[0, 1])
    ones, kind, dtype = [1] * (weight.ndim - 2), _kind(layer), layer.weight.dtype
    specs = (
        _part(kind, in_channels=layer.in_channels, out_channels=ranks[1], kernel_size=ones, bias=False),
        _part(kind, in_channels=ranks[1], out_channels=ranks[0], bias=False, **_geometry(layer)),
        _part(kind, in_channels=ranks[0], out_channels=layer.out_channels, kernel_size=ones, bias=layer.bias is not None),
    )
    states = (
        {"weight": _tensor(inputs.T.reshape(ranks[1], layer.in_channels, *ones), dtype)},
        {"weight": _tensor(core, dtype)},
        {"weight": _tensor(outputs.reshape(layer.out_channels, ranks[0], *ones), dtype), **_bias(layer)},
    )
    return Parts(specs, states, max(ranks), f"{ranks[0]} × {ranks[1]}", _sqnr(weight, torch.from_numpy(np.ascontiguousarray(whole))))


def cp_parts(name: str, layer: Convolution, parameters: FactorizeParameters) -> Parts:
    """A 1-wide convolution to `rank` channels, one depthwise convolution per axis, a 1-wide one back."""
    weight = layer.weight.detach().double()
    largest = weight.shape[0] * weight.shape[1]
    rank = _by_number(name, min(largest, weight.numel() // max(weight.shape)), parameters)
    library = _tensorly()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of matrices that are nearly singular on its way, and goes on
        strengths, factors = library.decomposition.parafac(
            weight.numpy(), rank=rank, init="random", random_state=0, n_iter_max=200, tol=1e-7
        )
        whole = library.cp_tensor.cp_to_tensor((strengths, factors))
    outputs, inputs, *axes = (np.asarray(factor) for factor in factors)
    ones, kind, dtype, geometry = [1] * len(axes), _kind(layer), layer.weight.dtype, _geometry(layer)
    specs = [_part(kind, in_channels=layer.in_channels, out_channels=rank, kernel_size=ones, bias=False)]
    states: list[State] = [{"weight": _tensor(inputs.T.reshape(rank, layer.in_channels, *ones), dtype)}]
    for axis, factor in enumerate(axes):
        along = {
            key: [value[axis] if place == axis else plain for place in range(len(axes))] for key, (value, plain) in _axes(geometry).items()
        }
        specs.append(_part(kind, in_channels=rank, out_channels=rank, groups=rank, bias=False, **along))
        shape = [len(factor) if place == axis else 1 for place in range(len(axes))]
        states.append({"weight": _tensor(factor.T.reshape(rank, 1, *shape), dtype)})
    specs.append(_part(kind, in_channels=rank, out_channels=layer.out_channels, kernel_size=ones, bias=layer.bias is not None))
    states.append({"weight": _tensor((outputs * np.asarray(strengths)).reshape(layer.out_channels, rank, *ones), dtype), **_bias(layer)})
    sqnr = _sqnr(weight, torch.from_numpy(np.ascontiguousarray(whole)))
    return Parts(tuple(specs), tuple(states), rank, str(rank), sqnr)


def chosen_rank(name: str, values: np.ndarray[Any, np.dtype[np.float64]], parameters: FactorizeParameters) -> int:
    """The rank that `rank`, `ratio` or `energy` means for these singular values, largest first."""
    if parameters.energy is None:
        return _by_number(name, len(values), parameters)
    squares = np.cumsum(values**2)
    return int(np.searchsorted(squares, parameters.energy * squares[-1] * (1 - 1e-12)) + 1) if squares[-1] > 0 else 1


def _by_number(name: str, largest: int, parameters: FactorizeParameters) -> int:
    if parameters.ratio is not None:
        return max(1, round(parameters.ratio * largest))
    assert parameters.rank is not None
    if parameters.rank > largest and parameters.only is not None:
        raise ModelError(f"factorize: rank {parameters.rank} is more than layer {name!r} can have; its largest is {largest}")
    return min(parameters.rank, largest)


def _geometry(layer: Convolution) -> dict[str, Any]:
    padding = layer.padding if isinstance(layer.padding, str) else list(layer.padding)
    return {"kernel_size": list(layer.kernel_size), "stride": list(layer.stride), "padding": padding, "dilation": list(layer.dilation)}


def _axes(geometry: Mapping[str, Any]) -> dict[str, tuple[list[int], int]]:
    """Each number of a convolution per axis, with what it is on the other axes."""
    padding = geometry["padding"]
    if isinstance(padding, str):
        same = padding == "same"
        padding = [size // 2 * step if same else 0 for size, step in zip(geometry["kernel_size"], geometry["dilation"], strict=True)]
    return {
        "kernel_size": (geometry["kernel_size"], 1),
        "stride": (geometry["stride"], 1),
        "padding": (padding, 0),
        "dilation": (geometry["dilation"], 1),
    }


def _part(kind: str, **arguments: Any) -> Mapping[str, Any]:
    return {"type": kind, "kwargs": arguments}


def _kind(layer: Convolution) -> str:
    return f"Conv{layer.weight.ndim - 2}d"


def _bias(layer: Convolution) -> State:
    return {} if layer.bias is None else {"bias": layer.bias.detach()}


def _tensor(array: Any, dtype: torch.dtype) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(dtype)


def _sqnr(weight: torch.Tensor, made: torch.Tensor) -> float | None:
    return facts.signal_to_noise_db(weight.numpy(), made.numpy())


def _tensorly() -> Any:
    """tensorly, computing with numpy."""
    try:
        import tensorly  # noqa: PLC0415  # only tucker and cp need it
        import tensorly.decomposition  # noqa: PLC0415
        import tensorly.tenalg  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError("tensorly", "torch", "factorizing by tucker or cp") from error
    tensorly.set_backend("numpy")
    return tensorly

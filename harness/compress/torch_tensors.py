"""Linear layers and embeddings as tensors of more axes, decomposed by tensorly. Imports torch.

A matrix (outputs × inputs) is read as a tensor (outputs₁, outputs₂, inputs₁, inputs₂), each length split into its two most
equal factors (Novikov et al. 2015, arXiv:1509.06569, who then choose a tensor train). An embedding (rows × numbers) is read as
(rows, numbers₁, numbers₂): the order of its rows means nothing. Then

tucker:  W ≈ G ×₁ A₁ ×₂ A₂ ×₃ B₁ ×₄ B₂, one matrix per axis and a small core (Tucker 1966)
cp:      W ≈ Σᵣ a₁ʳ ∘ a₂ʳ ∘ b₁ʳ ∘ b₂ʳ (Hitchcock 1927)

What follows computes with the factors, one axis after the other; the whole matrix never comes into being.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.compress.factorize_parameters import FactorizeParameters
from harness.compress.torch_parts import Parts, chosen_rank, part, rank_by_number, signal_to_noise, tensor, tensorly, told

Matrix = torch.nn.Linear | torch.nn.Embedding


class TuckerFold(torch.nn.Module):
    """(…, i₁ · i₂) numbers to (…, r₂ · r₁), one matrix per axis."""

    def __init__(self, sizes: Sequence[int], ranks: Sequence[int]) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.rows = torch.nn.Linear(sizes[0], ranks[0], bias=False)
        self.columns = torch.nn.Linear(sizes[1], ranks[1], bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        made: torch.Tensor = self.rows(self.columns(x.reshape(*x.shape[:-1], *self.sizes)).transpose(-1, -2))
        return made.flatten(-2)


class TuckerSpread(torch.nn.Module):
    """(…, r₂ · r₁) numbers to (…, o₁ · o₂), one matrix per axis, and a bias."""

    def __init__(self, sizes: Sequence[int], ranks: Sequence[int], bias: bool) -> None:
        super().__init__()
        self.ranks = (ranks[1], ranks[0])
        self.rows = torch.nn.Linear(ranks[0], sizes[0], bias=False)
        self.columns = torch.nn.Linear(ranks[1], sizes[1], bias=False)
        self.bias = torch.nn.Parameter(torch.zeros(sizes[0] * sizes[1])) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        made: torch.Tensor = self.columns(self.rows(x.reshape(*x.shape[:-1], *self.ranks)).transpose(-1, -2)).flatten(-2)
        return made if self.bias is None else made + self.bias


class CpFold(torch.nn.Module):
    """(…, i₁ · i₂) numbers to (…, rank): the products with b₁ʳ ∘ b₂ʳ."""

    def __init__(self, sizes: Sequence[int], rank: int) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.columns = torch.nn.Linear(sizes[1], rank, bias=False)
        self.rows = torch.nn.Parameter(torch.zeros(sizes[0], rank))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        made: torch.Tensor = self.columns(x.reshape(*x.shape[:-1], *self.sizes)) * self.rows
        return made.sum(-2)


class CpSpread(torch.nn.Module):
    """(…, rank) numbers to (…, o₁ · o₂): the sum of a₁ʳ ∘ a₂ʳ times each, and a bias."""

    def __init__(self, sizes: Sequence[int], rank: int, bias: bool) -> None:
        super().__init__()
        self.rows = torch.nn.Parameter(torch.zeros(sizes[0], rank))
        self.columns = torch.nn.Linear(rank, sizes[1], bias=False)
        self.bias = torch.nn.Parameter(torch.zeros(sizes[0] * sizes[1])) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        made: torch.Tensor = self.columns(x.unsqueeze(-2) * self.rows).flatten(-2)
        return made if self.bias is None else made + self.bias


def split(size: int) -> tuple[int, int]:
    """The two factors of a length that are nearest each other, the smaller first; a prime gives 1 and itself.

    >>> split(384), split(10), split(13)
    ((16, 24), (2, 5), (1, 13))
    """
    first = next(each for each in range(int(size**0.5), 0, -1) if size % each == 0)
    return first, size // first


def tucker_matrix(name: str, layer: Matrix, parameters: FactorizeParameters) -> Parts:
    """Layers that stand for the Tucker decomposition of the reshaped weight."""
    weight, sizes = _reshaped(layer)
    unfolded = [np.moveaxis(weight, axis, 0).reshape(length, -1) for axis, length in enumerate(weight.shape)]
    if parameters.rank is not None:
        rank_by_number(name, max(min(matrix.shape) for matrix in unfolded), parameters)
    # Refused only where no axis has that rank; an axis that is too short for it keeps all it has.
    each = parameters.model_copy(update={"only": None})
    ranks = _feasible([chosen_rank(name, np.linalg.svd(matrix, compute_uv=False), each) for matrix in unfolded])
    library = tensorly()
    core, factors = library.decomposition.tucker(weight, rank=ranks, init="svd", tol=1e-6)
    sqnr = signal_to_noise(weight, library.tucker_to_tensor((core, factors)))
    dtype, words = layer.weight.dtype, f"{' × '.join(map(str, ranks))} of {' × '.join(map(str, weight.shape))}"
    if isinstance(layer, torch.nn.Embedding):
        first, second = ranks[1:]
        middle = core.transpose(2, 1, 0).reshape(second * first, ranks[0])
        begin = (part("Embedding", num_embeddings=layer.num_embeddings, embedding_dim=ranks[0], **_padding(layer)), {"weight": factors[0]})
        ending = factors[1:]
    else:
        first, second = ranks[:2]
        middle = core.transpose(1, 0, 3, 2).reshape(second * first, ranks[3] * ranks[2])
        begin = (part("TuckerFold", sizes=sizes[2:], ranks=ranks[2:]), {"rows.weight": factors[2].T, "columns.weight": factors[3].T})
        ending = factors[:2]
    spread = {"rows.weight": ending[0], "columns.weight": ending[1], **_bias(layer)}
    specs = (
        begin[0],
        part("Linear", in_features=middle.shape[1], out_features=middle.shape[0], bias=False),
        part("TuckerSpread", sizes=sizes[-2:] if len(sizes) == 3 else sizes[:2], ranks=[first, second], bias="bias" in spread),
    )
    return Parts(specs, tuple(_states(dtype, begin[1], {"weight": middle}, spread)), max(ranks), words, sqnr)


def cp_matrix(name: str, layer: Matrix, parameters: FactorizeParameters) -> Parts:
    """Layers that stand for the CP decomposition of the reshaped weight."""
    weight, sizes = _reshaped(layer)
    rank = rank_by_number(name, weight.size // max(weight.shape), parameters)
    strengths, factors, whole = parafac(weight, rank)
    if isinstance(layer, torch.nn.Embedding):
        begin = (
            part("Embedding", num_embeddings=layer.num_embeddings, embedding_dim=rank, **_padding(layer)),
            {"weight": factors[0] * strengths},
        )
        ending, lengths = factors[1:], sizes[1:]
    else:
        begin = (part("CpFold", sizes=sizes[2:], rank=rank), {"rows": factors[2] * strengths, "columns.weight": factors[3].T})
        ending, lengths = factors[:2], sizes[:2]
    spread = {"rows": ending[0], "columns.weight": ending[1], **_bias(layer)}
    specs = (begin[0], part("CpSpread", sizes=lengths, rank=rank, bias="bias" in spread))
    words = f"{told(rank, parameters)} of {' × '.join(map(str, weight.shape))}"
    return Parts(specs, tuple(_states(layer.weight.dtype, begin[1], spread)), rank, words, signal_to_noise(weight, whole))


def parafac(weight: NDArray[Any], rank: int) -> tuple[NDArray[Any], list[NDArray[Any]], NDArray[Any]]:
    """(strengths, one factor (length, rank) per axis, the tensor they stand for), by alternating least squares from a seeded start."""
    library = tensorly()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of matrices that are nearly singular on its way, and goes on
        made = library.decomposition.parafac(weight, rank=rank, init="random", random_state=0, n_iter_max=200, tol=1e-7)
        strengths, factors = made
        whole = library.cp_tensor.cp_to_tensor(made)
    return np.asarray(strengths), [np.asarray(factor) for factor in factors], np.asarray(whole)


def _feasible(ranks: list[int]) -> list[int]:
    """No rank above the product of the others, as no core can be of such ranks.

    >>> _feasible([32, 4, 4]), _feasible([8, 9, 8, 9])
    ([16, 4, 4], [8, 9, 8, 9])
    """
    while True:
        lowered = [min(rank, math.prod(ranks[:place] + ranks[place + 1 :])) for place, rank in enumerate(ranks)]
        if lowered == ranks:
            return ranks
        ranks = lowered


def _reshaped(layer: Matrix) -> tuple[NDArray[np.float64], list[int]]:
    weight = layer.weight.detach().double().numpy()
    rows, numbers = weight.shape
    sizes = [rows, *split(numbers)] if isinstance(layer, torch.nn.Embedding) else [*split(rows), *split(numbers)]
    return weight.reshape(sizes), sizes


def _padding(layer: torch.nn.Embedding) -> dict[str, int]:
    return {} if layer.padding_idx is None else {"padding_idx": layer.padding_idx}


def _bias(layer: Matrix) -> dict[str, Any]:
    return {"bias": layer.bias.detach().numpy()} if isinstance(layer, torch.nn.Linear) and layer.bias is not None else {}


def _states(dtype: torch.dtype, *states: dict[str, Any]) -> list[dict[str, torch.Tensor]]:
    return [{name: tensor(value, dtype) for name, value in state.items()} for state in states]

"""Linear layers and embeddings as tensors: reshaped, and decomposed by tucker or cp with tensorly. Imports torch.

A weight of outputs × inputs is read as o₁ × o₂ × i₁ × i₂, where o₁ o₂ = outputs and i₁ i₂ = inputs are as even as can be
(Novikov et al. 2015, arXiv:1509.06569; Hrinchuk et al. 2020, arXiv:1901.10787):

tucker:  W = (U₁ ⊗ U₂) G (V₁ ⊗ V₂)ᵀ, where the core G is a matrix (Tucker 1966; De Lathauwer et al. 2000, doi:10.1137/S0895479898346995).
cp:      W = (A₁ ⊙ A₂) (B₁ ⊙ B₂)ᵀ, a sum of outer products of four vectors (Kolda and Bader 2009, doi:10.1137/07070111X).

Each factor is applied to the activations by itself; the matrix is never put together. A prime number is not split. Where
neither side can be split, what is left is a matrix, whose tucker and cp decompositions are its svd.

An embedding is rows × d₁ × d₂. Its rows stay one mode: neighbours in a vocabulary have nothing in common that a split of it
could use, and a row is still looked up before anything is computed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from harness.compress.cp_terms import Array, cp_terms, tensorly, unfolded
from harness.compress.edits import part_of
from harness.compress.factorize_parameters import FactorizeParameters
from harness.compress.ranks import by_energy, by_number, times, told
from harness.compress.torch_decompose import linear_parts, table
from harness.compress.torch_parts import Parts, Solved, Spec, State, as_tensor, bias_of, part, sqnr_db
from harness.compress.torch_tensor_layers import TENSOR_LAYERS

Matrix = torch.nn.Linear | torch.nn.Embedding
_ROWS = 256
"""Rows of a matrix that are computed at once when the parts are multiplied out."""


def split(size: int) -> tuple[int, ...]:
    """Two factors as even as can be, the smaller one first; the size itself when it is prime.

    >>> split(384), split(257)
    ((16, 24), (257,))
    """
    first = next(factor for factor in range(math.isqrt(size), 0, -1) if size % factor == 0)
    return (first, size // first) if first > 1 else (size,)


def tensor_parts(name: str, layer: Matrix, parameters: FactorizeParameters) -> Parts:
    """The layers that stand for a reshaped weight; two by svd when its sizes cannot be split."""
    rows, columns = layer.weight.shape
    left, right = (rows,) if isinstance(layer, torch.nn.Embedding) else split(rows), split(columns)
    if len(left) == len(right) == 1:
        by_svd = linear_parts(name, layer, parameters)
        prime = columns if isinstance(layer, torch.nn.Embedding) else f"{rows} and {columns}"
        return Parts(by_svd.specs, by_svd.rank, f"{by_svd.told} by svd, as {prime} cannot be split", by_svd.solve)
    decompose = _tucker if parameters.method == "tucker" else _cp
    return decompose(name, layer, left, right, parameters)


def _tucker(name: str, layer: Matrix, left: tuple[int, ...], right: tuple[int, ...], parameters: FactorizeParameters) -> Parts:
    sizes = (*left, *right)
    tensor = layer.weight.detach().double().numpy().reshape(sizes)
    largest = [min(size, tensor.size // size) for size in sizes]
    if parameters.energy is None:
        asked = by_number(name, largest, parameters)
    else:
        asked = [by_energy(_singular_values(tensor, mode), parameters.energy) for mode in range(len(sizes))]
    ranks = _possible(asked)
    core = _core(sizes, ranks)
    outputs, inputs = core[: len(left)], core[len(left) :]
    factored = [mode for mode, size in enumerate(sizes) if core[mode] < size]

    def solve() -> Solved:
        library = tensorly()
        with threadpool_limits(1):  # the last bits of a decomposition differ with the number of threads
            middle, factors = tensor, list[Array]()
            if factored:
                wanted = [core[mode] for mode in factored]
                (middle, factors), _ = library.decomposition.partial_tucker(tensor, rank=wanted, modes=factored, init="svd")
        found = dict(zip(factored, factors, strict=True))
        matrix = middle.reshape(math.prod(outputs), -1)
        into = {place: found[len(left) + place].T for place in range(len(right)) if len(left) + place in found}
        out_of = {place: found[place] for place in range(len(left)) if place in found}
        if isinstance(layer, torch.nn.Embedding):
            back = {place: factor.T for place, factor in into.items()}
            first = [{"weight": out_of[0]}, {"weight": matrix.T}] if out_of else [{"weight": matrix}]
            return _filled(layer, specs, [*first, *_state(right, back)])
        return _filled(layer, specs, [*_state(right, into), {"weight": matrix}, *_state(left, out_of)])

    if isinstance(layer, torch.nn.Embedding):
        rotated = [_linear(outputs[0], inputs)] if outputs != left else []
        width = outputs[0] if rotated else math.prod(inputs)
        specs = [table(layer, width), *rotated, *_between(inputs, right)]
    else:
        specs = [*_between(right, inputs), _linear(math.prod(inputs), outputs), *_between(outputs, left)]
    specs = _with_bias(layer, specs)
    words = f"{told(ranks, largest, parameters)} of {times(sizes)}"
    return Parts(tuple(specs), max(ranks), words, solve, _work(layer, specs))


def _cp(name: str, layer: Matrix, left: tuple[int, ...], right: tuple[int, ...], parameters: FactorizeParameters) -> Parts:
    sizes = (*left, *right)
    # A tensor is a sum of one term for each place in all its modes but one (Kolda and Bader 2009, section 3.1).
    largest = [math.prod(sizes) // max(sizes)]
    ranks = by_number(name, largest, parameters)
    (rank,) = ranks

    def solve() -> Solved:
        factors = cp_terms(layer.weight.detach().double().numpy().reshape(sizes), rank)
        outputs, inputs = factors[: len(left)], factors[len(left) :]
        if isinstance(layer, torch.nn.Embedding):
            return _filled(layer, specs, [{"weight": outputs[0]}, {"first": inputs[0], "second.weight": inputs[1]}])
        into = {"weight": inputs[0].T} if len(right) == 1 else {"first": inputs[0], "second.weight": inputs[1].T}
        out_of = {"weight": outputs[0]} if len(left) == 1 else {"first": outputs[0], "second.weight": outputs[1]}
        return _filled(layer, specs, [into, out_of])

    if isinstance(layer, torch.nn.Embedding):
        specs = [table(layer, rank), part("FromTerms", rank=rank, out_shape=list(right))]
    else:
        specs = [
            _linear(right[0], [rank]) if len(right) == 1 else part("ToTerms", in_shape=list(right), rank=rank),
            _linear(rank, left) if len(left) == 1 else part("FromTerms", rank=rank, out_shape=list(left)),
        ]
    specs = _with_bias(layer, specs)
    words = f"{told(ranks, largest, parameters)} of {times(sizes)}"
    return Parts(tuple(specs), rank, words, solve, _work(layer, specs))


def _singular_values(tensor: Array, mode: int) -> Array:
    """Of the unfolding along one mode, largest first."""
    with threadpool_limits(1):
        return np.asarray(np.linalg.svd(unfolded(tensor, mode), compute_uv=False), np.float64)


def _possible(ranks: Sequence[int]) -> list[int]:
    """The ranks that a tensor can have together: none is more than the product of the others.

    >>> _possible([38, 5, 5])
    [25, 5, 5]
    """
    found = list(ranks)
    for _ in found:
        for mode in range(len(found)):
            found[mode] = min(found[mode], math.prod(found[:mode] + found[mode + 1 :]))
    return found


def _core(sizes: Sequence[int], ranks: Sequence[int]) -> tuple[int, ...]:
    """Sizes of the core: a mode that gains nothing by a factor of its own stays in it whole.

    It gains nothing when its rank is its size, or when it is the product of the others: the factor is then as large as the
    core would be with that mode in it.

    >>> _core([257, 8, 8], [25, 5, 5]), _core([257, 8, 8], [24, 5, 5])
    ((257, 5, 5), (24, 5, 5))
    """
    found = list(ranks)
    for mode in sorted(range(len(found)), key=lambda mode: -sizes[mode]):
        if found[mode] >= math.prod(found[:mode] + found[mode + 1 :]):
            found[mode] = sizes[mode]
    return tuple(found)


def _between(sizes: Sequence[int], wanted: Sequence[int]) -> list[Spec]:
    """The layer from these sizes of one side to those, none where they are the same."""
    if tuple(sizes) == tuple(wanted):
        return []
    if len(sizes) == 1:
        return [_linear(sizes[0], wanted)]
    return [part("Kronecker", in_shape=list(sizes), out_shape=list(wanted))]


def _state(sizes: Sequence[int], factors: dict[int, Array]) -> list[dict[str, Any]]:
    """The weights of what `_between` made: factors of one side by place, as (outputs, inputs)."""
    if not factors:
        return []
    if len(sizes) == 1:
        return [{"weight": factors[0]}]
    return [{f"{('first', 'second')[place]}.weight": factor for place, factor in factors.items()}]


def _linear(inputs: int, outputs: Sequence[int]) -> Spec:
    return part("Linear", in_features=inputs, out_features=math.prod(outputs), bias=False)


def _with_bias(layer: Matrix, specs: list[Spec]) -> list[Spec]:
    """The bias of a linear layer goes to the last part."""
    if not bias_of(layer):
        return specs
    last = specs[-1]
    return [*specs[:-1], part(last["type"], **{**last["kwargs"], "bias": True})]


def _filled(layer: Matrix, specs: Sequence[Spec], arrays: Sequence[dict[str, Any]]) -> Solved:
    """The weights in the type of the layer's, and what the parts with them in make of the unit vectors (or of the rows)."""
    dtype = layer.weight.dtype
    states: list[State] = [{name: as_tensor(array, dtype) for name, array in each.items()} for each in arrays]
    states[-1] = {**states[-1], **bias_of(layer)}
    parts = torch.nn.Sequential(*(part_of(spec) for spec in specs)).double()
    for made, state in zip(parts, states, strict=True):
        made.load_state_dict(state)
    embedding = isinstance(layer, torch.nn.Embedding)
    count = layer.weight.shape[0 if embedding else 1]
    bias = bias_of(layer).get("bias", torch.zeros(())).double()
    with torch.no_grad():
        rows = [_asked(parts, start, min(start + _ROWS, count), count, embedding=embedding) - bias for start in range(0, count, _ROWS)]
    whole = torch.cat(rows)
    return tuple(states), sqnr_db(layer.weight.detach().double(), (whole if embedding else whole.T).numpy())


def _asked(parts: torch.nn.Module, start: int, stop: int, count: int, *, embedding: bool) -> torch.Tensor:
    where = torch.arange(start, stop)
    answer = parts(where if embedding else torch.nn.functional.one_hot(where, count).double())
    assert isinstance(answer, torch.Tensor)
    return answer


def _work(layer: Matrix, specs: Sequence[Spec]) -> str:
    """What the parts multiply for one row, next to the layer: fewer numbers need not be less work."""
    before = 0 if isinstance(layer, torch.nn.Embedding) else layer.weight.numel()
    with torch.device("meta"):
        after = sum(_multiplications(part_of(spec)) for spec in specs)
    return f"{after:,} multiplications per row in place of {before:,}"


def _multiplications(made: torch.nn.Module) -> int:
    if isinstance(made, TENSOR_LAYERS):
        return made.multiplications
    return made.weight.numel() if isinstance(made, torch.nn.Linear) else 0

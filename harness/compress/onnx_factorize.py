"""Matrices of an ONNX graph as products of two smaller ones, by singular value decomposition."""

# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from harness.compress import facts, graph
from harness.compress.choice import reason_to_leave, refuse_integers, refuse_nothing_done
from harness.compress.decoded import drop_unused
from harness.compress.graph import ModelProto, Weight
from harness.errors import ModelError
from harness.ports.compress import Layer, StepReport

_OPERATORS = ("MatMul", "Gemm", "Gather")
_CONVOLUTIONS = ("Conv", "ConvTranspose")
_ALL_OF_IT = 1e-12

Factors = tuple[NDArray[np.float64], NDArray[np.float64]]
Decomposition = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


class Wish(Protocol):
    """What is read of `FactorizeParameters`."""

    @property
    def rank(self) -> int | None:
        """A rank for every layer."""

    @property
    def ratio(self) -> float | None:
        """Rank as a share of the layer's largest."""

    @property
    def energy(self) -> float | None:
        """Share of the sum of squares that is kept."""

    @property
    def only(self) -> tuple[str, ...] | None:
        """Names of what to factorize."""

    @property
    def exclude(self) -> tuple[str, ...]:
        """Names of what to leave alone."""


def factorize(source: Path, target: Path, wish: Wish) -> StepReport:
    """Write the model with two matrices in the place of one wherever that is smaller.

    `ModelError` for a rank that a layer does not have, for bad weights and unknown names, and when nothing became smaller.
    """
    model = graph.tidy(graph.read(source))
    refuse_integers(model, "factorize")
    graph.refuse_not_finite(model, "factorize")
    excluded = graph.excluded_nodes(model, wish.exclude)
    only = None if wish.only is None else graph.excluded_nodes(model, wish.only, "only")
    tensors = graph.initializers(model)
    layers, chosen = [], dict[str, Factors]()
    for weight in graph.weights(model):
        reason = reason_to_leave(weight, excluded, (*_OPERATORS, *_CONVOLUTIONS)) or _reason_to_leave(weight, model, only)
        if reason:
            layers.append(Layer(weight.name, weight.shape, reason=reason))
            continue
        layer, factors = _factorized(weight, graph.array_of(tensors[weight.name]), wish)
        layers.append(layer)
        if factors is not None:
            chosen[weight.name] = factors
    refuse_nothing_done(layers, "factorize", "factorized")
    graph.write(replaced(model, chosen), target)
    return StepReport(tuple(layers))


def factors_of(matrix: NDArray[Any], rank: int) -> Factors:
    """(left [rows, rank], right [rank, columns]): the product nearest to the matrix; the singular values go to both alike.

    The signs are those in which the largest element of each column of the left factor is positive.
    """
    return _cut(_decomposition(matrix), rank)


def _cut(decomposition: Decomposition, rank: int) -> Factors:
    left, values, right = decomposition
    signs = np.sign(np.take_along_axis(left, np.abs(left).argmax(axis=0)[None], axis=0))
    scale = np.sqrt(values[:rank])
    return left[:, :rank] * signs[:, :rank] * scale, right[:rank] * signs.T[:rank] * scale[:, None]


def replaced(model: ModelProto, chosen: Mapping[str, Factors]) -> ModelProto:
    """The model with each use of a chosen weight as two products; factors are of the weight as it is stored."""
    from onnx import helper, numpy_helper

    tensors = graph.initializers(model)
    nodes = []
    for node in [type(node).FromString(node.SerializeToString()) for node in model.graph.node]:
        place = 0 if node.op_type == "Gather" else 1
        name = node.input[place] if len(node.input) > place else ""
        if name not in chosen or node.op_type not in _OPERATORS:
            nodes.append(node)
            continue
        inner = f"{node.output[0]}_inner"
        left, right = f"{name}_left", f"{name}_right"
        if node.op_type == "Gather":
            first = helper.make_node("Gather", [left, node.input[1]], [inner], name=f"{node.name}_inner", axis=0)
            nodes += [first, helper.make_node("MatMul", [inner, right], [node.output[0]], name=node.name)]
        else:
            turned = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
            kind: dict[str, Any] = {"op_type": "Gemm", "transB": 1} if turned else {"op_type": "MatMul"}
            nodes.append(
                helper.make_node(inputs=[node.input[0], right if turned else left], outputs=[inner], name=f"{node.name}_inner", **kind)
            )
            node.input[0], node.input[1] = inner, left if turned else right
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for name, parts in chosen.items():
        dtype = graph.array_of(tensors[name]).dtype
        for end, part in zip(("left", "right"), parts, strict=True):
            model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(part.astype(dtype)), f"{name}_{end}"))
    return drop_unused(model)


def _factorized(weight: Weight, matrix: NDArray[Any], wish: Wish) -> tuple[Layer, Factors | None]:
    decomposition = _decomposition(matrix) if wish.energy is not None else None
    rank = _rank(weight, wish, decomposition)
    rows, columns = weight.shape
    size = rank * (rows + columns)
    if size >= matrix.size:
        why = f"rank {rank} would make it grow from {matrix.size:,} to {size:,} weights"
        return Layer(weight.name, weight.shape, reason=why), None
    left, right = (part.astype(matrix.dtype) for part in _cut(decomposition or _decomposition(matrix), rank))
    told = f"rank {rank} of {min(weight.shape)}: {rows} × {rank} and {rank} × {columns}, {size / matrix.size:.0%} of the weights"
    found = facts.found(matrix, left.astype(np.float64) @ right, 8.0 * matrix.itemsize)
    return Layer(weight.name, weight.shape, done=told, facts={**found, "rank": float(rank)}), (left, right)


def _rank(weight: Weight, wish: Wish, decomposition: Decomposition | None) -> int:
    largest = min(weight.shape)
    if wish.rank is not None:
        if wish.rank > largest:
            raise ModelError(
                f"factorize: rank {wish.rank} is larger than {weight.name!r} ({weight.shape[0]} × {weight.shape[1]}) has, which is "
                f"{largest}; exclude that layer, or say how small by ratio or energy"
            )
        return wish.rank
    if wish.ratio is not None:
        return max(1, round(wish.ratio * largest))
    assert wish.energy is not None
    assert decomposition is not None
    values = decomposition[1]
    kept = np.cumsum(np.square(values)) / max(float(np.sum(np.square(values))), np.finfo(float).tiny)
    return min(int(np.searchsorted(kept, wish.energy - _ALL_OF_IT)) + 1, largest)


def _decomposition(matrix: NDArray[Any]) -> Decomposition:
    with threadpool_limits(1):  # the last bits of a decomposition differ with the number of threads
        left, values, right = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    return left, values, right


def _reason_to_leave(weight: Weight, model: ModelProto, only: frozenset[str] | None) -> str:
    if only is not None and not any(use.node in only for use in weight.uses):
        return "not among only"
    if any(use.op in _CONVOLUTIONS for use in weight.uses):
        return "a convolution: the methods tucker and cp factorize those, on the torch network"
    if len(weight.shape) != 2:
        return f"{len(weight.shape)} dimensions: svd takes matrices"
    if len({(use.op, use.position, use.transposed) for use in weight.uses}) > 1:
        return f"used in several ways, by {', '.join(sorted({use.op for use in weight.uses}))}"
    use = weight.uses[0]
    if use.position != (0 if use.op == "Gather" else 1):
        return "the left factor of a product"
    nodes = {node.name: node for node in model.graph.node}
    if any(use.node not in nodes for use in weight.uses):
        return "used by an inner graph"
    if any(attribute.name == "axis" and attribute.i not in (0, -2) for attribute in nodes[use.node].attribute):
        return "looked up along its second axis"
    if any(attribute.name == "transA" and attribute.i for attribute in nodes[use.node].attribute):
        return "its input is transposed"
    return ""

"""The weights of an ONNX file that are stored as integers, decoded, and whose they are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.compress import graph
from harness.compress.facts import found

_PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_FEWEST = 8
"""Values per channel from which on a scale of the channel can be told from rounding."""


@dataclass(frozen=True)
class Decoded:
    """One weight: its values and rounding steps, (channels, values per channel), its shape, and the bias added behind its product.

    `bias` is "" where there is none, or where another node uses the same one.
    """

    rows: NDArray[np.float32]
    steps: NDArray[np.float32]
    shape: tuple[int, ...]
    axis: int
    bias: str

    def likeness(self, weight: NDArray[Any]) -> float:
        """Mean of the channels' cosines, 0 to 1: a normalisation folded into the weight changes none of them."""
        other = channels(weight, self.axis)
        lengths = np.linalg.norm(self.rows, axis=1) * np.linalg.norm(other, axis=1)
        cosines = np.abs(np.einsum("ij,ij->i", self.rows, other)) / np.where(lengths > 0, lengths, 1)
        return float(cosines[lengths > 0].mean()) if (lengths > 0).any() else 0.0

    def facts(self, weight: NDArray[Any]) -> dict[str, float]:
        """`bits`; `sqnr_db` too where rounding alone, or with a scale per channel, explains the difference from the original."""
        other = channels(weight, self.axis)
        energy = np.einsum("ij,ij->i", other, other)
        scale = np.einsum("ij,ij->i", self.rows, other) / np.where(energy > 0, energy, 1)
        for original, slack in ((other, 0.51), (other * scale[:, None], 0.75 if other.shape[1] >= _FEWEST else 0.0)):
            if (np.abs(self.rows - original) <= slack * self.steps).all():
                return found(original, self.rows, 8)
        return {"bits": 8.0}


def channels(weight: NDArray[Any], axis: int) -> NDArray[np.float32]:
    """(channels, values per channel)."""
    moved = np.moveaxis(weight, axis, 0)
    return moved.reshape(len(moved), -1).astype(np.float32)


def decoded_weights(model: graph.ModelProto) -> list[Decoded]:
    """Every stored integer matrix or kernel that is decoded for a product, in file order."""
    tensors = graph.initializers(model)
    readers = defaultdict(list)
    for node in model.graph.node:
        for name in node.input:
            readers[name].append(node)
    uses = Counter(name for node in model.graph.node for name in node.input)
    weights = []
    for node in model.graph.node:
        if node.op_type != "DequantizeLinear" or not all(name in tensors for name in node.input) or len(tensors[node.input[0]].dims) < 2:
            continue
        product = _product(node, readers)
        if product is not None:
            bias = _bias(product, readers, tensors)
            weights.append(_decoded(node, tensors, bias if uses[bias] == 1 else ""))
    return weights


def owners(decoded: Iterable[Decoded], weights: Mapping[str, NDArray[Any]], last: Iterable[str]) -> dict[str, Decoded]:
    """Which weight of the network each is, by name: as its bias says, else the one of its shape that is most like it.

    Of two that are equally like it, one that is not in `last` is taken.
    """
    owned: dict[str, Decoded] = {}
    left = []
    for one in decoded:
        name = f"{one.bias.removesuffix('.bias')}.weight"
        if one.bias and name in weights and weights[name].shape == one.shape and name not in owned:
            owned[name] = one
        else:
            left.append(one)
    late = set(last)
    pairs = sorted(
        (-round(one.likeness(weight), 6), name in late, place, number, name)
        for number, one in enumerate(left)
        for place, (name, weight) in enumerate(weights.items())
        if name not in owned and weight.shape == one.shape
    )
    given = set()
    for *_, number, name in pairs:
        if number not in given and name not in owned:
            owned[name] = left[number]
            given.add(number)
    return owned


def _decoded(node: Any, tensors: Mapping[str, Any], bias: str) -> Decoded:
    stored, scale, *zero = (graph.array_of(tensors[name]) for name in node.input)
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1) % stored.ndim
    rows = channels(stored, axis)
    steps = np.broadcast_to(scale.astype(np.float32).reshape(-1, 1), (len(rows), 1))
    offset = zero[0].astype(np.float32).reshape(-1, 1) if zero else np.zeros((1, 1), np.float32)
    return Decoded((rows - offset) * steps, steps, stored.shape, axis, bias)


def _product(node: Any, readers: Mapping[str, list[Any]]) -> Any | None:
    """The product that a decoded weight goes into, transposed or not."""
    for reader in readers.get(node.output[0], ()):
        found_product = reader if reader.op_type in _PRODUCTS else _product(reader, readers) if reader.op_type == "Transpose" else None
        if found_product is not None:
            return found_product
    return None


def _bias(product: Any, readers: Mapping[str, list[Any]], tensors: Mapping[str, Any]) -> str:
    if len(product.input) > 2:
        return str(product.input[2])
    sums = [reader for reader in readers.get(product.output[0], ()) if reader.op_type == "Add"]
    return next((str(name) for node in sums for name in node.input if name in tensors), "")

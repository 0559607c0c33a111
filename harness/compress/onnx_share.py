"""Codebooks in place of the weights of an ONNX graph."""

# ruff: noqa: PLC0415

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.compress import facts, graph, packing
from harness.compress.choice import reason_to_leave, refuse_integers, refuse_nothing_done
from harness.compress.codebook import codebook, nearest
from harness.compress.decoded import decoded
from harness.compress.graph import ModelProto, Weight
from harness.ports.compress import Layer, StepReport

_NOTE = "the runtime puts the weights together when it loads the model: in memory they take as much room as before, and run as fast"


def share(source: Path, target: Path, bits: int, exclude: tuple[str, ...], seed: int) -> StepReport:
    """Write the model with 2^bits values per tensor and the packed numbers of these values."""
    original = graph.tidy(graph.read(source))
    refuse_integers(original, "share")
    graph.refuse_not_finite(original, "share")
    excluded = graph.excluded_nodes(original, exclude)
    model = graph.at_least(_copy(original), packing.OPSET, 8)
    tensors = graph.initializers(model)
    layers, nodes = [], list[Any]()
    for weight in graph.weights(model):
        reason = reason_to_leave(weight, excluded) or _no_gain(weight, bits)
        if reason:
            layers.append(Layer(weight.name, weight.shape, reason=reason))
            continue
        count, made = _shared(model, tensors[weight.name], bits, seed)
        nodes += made
        layers.append(Layer(weight.name, weight.shape, done=f"{count} shared values, {bits} bits per weight", facts={"values": count}))
    refuse_nothing_done(layers, f"share ({bits} bits)", "shared")
    graph.put_first(model, nodes)
    graph.write(model, target)
    return StepReport(tuple(_measured(layers, original, model, bits)), (_NOTE,))


def _shared(model: ModelProto, tensor: Any, bits: int, seed: int) -> tuple[int, list[Any]]:
    """Put codebook and indices in the place of a weight; returns the size of the codebook and the nodes that decode it."""
    from onnx import TensorProto, helper, numpy_helper

    name, array = tensor.name, graph.array_of(tensor)
    values = codebook(array, 2**bits, seed)
    model.graph.initializer.remove(tensor)
    model.graph.initializer.append(numpy_helper.from_array(values, f"{name}_codebook"))
    nodes = packing.stored(model, f"{name}_index", nearest(array, values), bits)
    nodes.append(helper.make_node("Cast", [f"{name}_index"], [f"{name}_number"], name=f"{name}_number", to=TensorProto.INT32))
    nodes.append(helper.make_node("Gather", [f"{name}_codebook", f"{name}_number"], [name], name=f"{name}_look_up", axis=0))
    return len(values), nodes


def _no_gain(weight: Weight, bits: int) -> str:
    count, each = math.prod(weight.shape), np.dtype(weight.dtype).itemsize
    stored = -(-count * bits // 8) + 2**bits * each
    if stored < count * each:
        return ""
    return f"codebook and indices would take {stored:,} bytes, and the {count:,} weights take {count * each:,}"


def _measured(layers: list[Layer], before: ModelProto, after: ModelProto, bits: int) -> list[Layer]:
    originals = graph.initializers(before)
    values = dict(decoded(after, [layer.name for layer in layers if layer.done]))
    return [
        replace(layer, facts={**layer.facts, **facts.found(graph.array_of(originals[layer.name]), values[layer.name], bits)})
        if layer.done
        else layer
        for layer in layers
    ]


def _copy(model: ModelProto) -> ModelProto:
    made = type(model)()
    made.CopyFrom(model)
    return made

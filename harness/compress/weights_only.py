"""Weight-only quantization: few-bit initializers, each turned back into floats by a DequantizeLinear node.

What is on disk: 2 bits as int2, 4 as int4, 8 as int8; 1, 3, 5, 6 and 7 bits packed into bytes without gaps (see `packing`),
and 2 bits too where the runtime does not read int2; 16 bits as float16. Only the weights of convolutions, matrix products,
recurrent layers and embeddings are touched: they are nearly all of a model's size.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.compress import facts, graph, packing
from harness.compress.choice import axes, reason_to_leave
from harness.compress.decoded import decoded
from harness.compress.graph import ModelProto, Weight
from harness.compress.parameters import Granularity, QuantizeParameters
from harness.compress.rounding import Rounded, largest_level, number_of_levels, round_weight
from harness.errors import ModelError
from harness.ports.compress import Layer

_CONTAINERS = {2: ("INT2", 25, 13), 4: ("INT4", 21, 10), 8: ("INT8", 21, 10)}
"""Bits → type on disk, the operator set that has it, the file format version that has it. All others are packed."""

_PACKED = ("UINT8", 21, 10)

LARGEST_HALF = 65504.0
"""The largest finite IEEE 754 binary16 number."""


def quantize_weights(
    model: ModelProto, parameters: QuantizeParameters, excluded: frozenset[str], packed: bool = False
) -> tuple[ModelProto, list[Layer]]:
    """A model with rounded weights and what was done to each; `packed` where the runtime does not read the type of these bits."""
    kind, opset, version = _PACKED if packed else _CONTAINERS.get(parameters.width, _PACKED)
    model = graph.at_least(model, opset, version)
    layers, nodes = [], []
    tensors = graph.initializers(model)
    for weight in graph.weights(model):
        reason = reason_to_leave(weight, excluded) or ("stored as float16" if _half_already(weight, parameters) else "")
        if reason:
            layers.append(Layer(weight.name, weight.shape, reason=reason))
            continue
        tensor = tensors[weight.name]
        if parameters.width == 16:
            nodes.append(_store_half(tensor))
            layers.append(Layer(weight.name, weight.shape, done="float16"))
            continue
        made = rounded(graph.array_of(tensor), *axes(weight.uses[0], len(weight.shape)), parameters)
        nodes += _store(model, tensor, made, kind, parameters.width)
        levels, how = number_of_levels(parameters.width), _how(made, parameters.per)
        layers.append(Layer(weight.name, weight.shape, done=f"{levels} levels in {_stored(kind, parameters)}, {how}"))
    graph.put_first(model, nodes)
    return model, layers


def with_facts(layers: list[Layer], before: ModelProto, after: ModelProto, bits: int) -> list[Layer]:
    """The layers with what the runtime decodes from the made model, compared with the weights before."""
    originals = graph.initializers(before)
    values = dict(decoded(after, [layer.name for layer in layers if layer.done]))
    return [
        replace(layer, facts=facts.found(graph.array_of(originals[layer.name]), values[layer.name], bits)) if layer.done else layer
        for layer in layers
    ]


def _half_already(weight: Weight, parameters: QuantizeParameters) -> bool:
    return parameters.width == 16 and weight.dtype == "float16"


def _stored(kind: str, parameters: QuantizeParameters) -> str:
    return f"{parameters.width} bits packed into bytes" if kind == "UINT8" else kind.lower()


def rounded(array: NDArray[Any], channel: int, inner: int, parameters: QuantizeParameters) -> Rounded:
    """A weight in few levels. `channel`: axis of the output channels; `inner`: axis along which products are summed."""
    if parameters.per == "tensor":
        return round_weight(array, parameters.width)
    if parameters.per == "block" and array.shape[inner] > 1:
        return round_weight(array, parameters.width, inner, min(parameters.block, array.shape[inner]))
    return round_weight(array, parameters.width, channel)


def _how(made: Rounded, per: Granularity) -> str:
    if made.axis is None:
        return "one scale"
    if made.block is not None:
        return f"{made.scale.size:,} scales, one per block of {made.block} along axis {made.axis}"
    why = ", as its blocks would hold one weight each" if per == "block" else ""
    return f"{made.scale.size:,} scales, one per channel (axis {made.axis}){why}"


def _store(model: ModelProto, tensor: Any, made: Rounded, kind: str, bits: int) -> list[Any]:
    """Put levels and scales in the place of a weight; returns the nodes that give the weight back under its name."""
    from onnx import TensorProto, helper, numpy_helper

    name = tensor.name
    model.graph.initializer.remove(tensor)
    inputs = [f"{name}_quantized", f"{name}_scale"]
    model.graph.initializer.append(numpy_helper.from_array(made.scale, inputs[1]))
    nodes: list[Any] = []
    if kind == "UINT8":
        nodes, zero = _store_packed(model, inputs[0], made, bits)
        inputs.append(zero)
    else:
        element = helper.tensor_dtype_to_np_dtype(getattr(TensorProto, kind))
        model.graph.initializer.append(numpy_helper.from_array(made.levels.astype(element), inputs[0]))
    attributes: dict[str, Any] = {"axis": made.axis, "block_size": made.block}
    given = {key: value for key, value in attributes.items() if value is not None}
    return [*nodes, helper.make_node("DequantizeLinear", inputs, [name], name=f"{name}_dequantize", **given)]


def _store_packed(model: ModelProto, name: str, made: Rounded, bits: int) -> tuple[list[Any], str]:
    """Nodes that unpack the levels as unsigned integers, and the name of their zero point: one number, spread to the scales' shape.

    One bit stands for the levels −1 and 1, which as unsigned integers around a zero point are 0 and 2.
    """
    from onnx import helper, numpy_helper

    top = largest_level(bits)
    values = (made.levels.astype(np.int16) + top).astype(np.uint8)
    zero = np.array(top, np.uint8)
    model.graph.initializer.append(numpy_helper.from_array(zero, f"{name}_zero"))
    if bits == 1:
        nodes = packing.stored(model, f"{name}_sign", (values >> 1).astype(np.uint8), 1)
        nodes.append(helper.make_node("BitShift", [f"{name}_sign", f"{name}_zero"], [name], name=f"{name}_double", direction="LEFT"))
    else:
        nodes = packing.stored(model, name, values, bits)
    if made.scale.ndim == 0:
        return nodes, f"{name}_zero"
    shape = numpy_helper.from_array(np.array(made.scale.shape, np.int64), f"{name}_scales")
    model.graph.initializer.append(shape)
    nodes.append(helper.make_node("Expand", [f"{name}_zero", shape.name], [f"{name}_zeros"], name=f"{name}_spread"))
    return nodes, f"{name}_zeros"


def _store_half(tensor: Any) -> Any:
    """The weight as float16, and the node that gives it back as float32."""
    from onnx import TensorProto, helper, numpy_helper

    array = graph.array_of(tensor)
    largest = float(np.abs(array).max())
    if largest > LARGEST_HALF:
        raise ModelError(
            f"quantize to 16 bits: weight {tensor.name!r} holds {largest:g}, and float16 ends at {LARGEST_HALF:g}; exclude it, or "
            "rescale that layer"
        )
    name = tensor.name
    tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), f"{name}_half"))
    return helper.make_node("Cast", [tensor.name], [name], name=f"{name}_widen", to=TensorProto.FLOAT)

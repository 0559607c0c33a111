"""Weight-only quantization: few-bit initializers, each turned back into floats by a DequantizeLinear node.

What is on disk: 2 bits as int2, 3 and 4 bits as int4, 5 to 8 bits as int8. Only the weights of convolutions, matrix
products, recurrent layers and embeddings are touched: they are nearly all of a model's size.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import warnings
from typing import Any

from numpy.typing import NDArray

from harness.compress import graph
from harness.compress.graph import ModelProto, Use, Weight
from harness.compress.parameters import QuantizeParameters
from harness.compress.rounding import Rounded, largest_level, round_weight
from harness.errors import ModelError
from harness.ports.compress import Layer

_OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Gather", "LSTM", "GRU", "RNN")
_CONTAINERS = {2: ("INT2", 25, 13), 3: ("INT4", 21, 10), 4: ("INT4", 21, 10)}
"""Bits → type on disk, the operator set that has it, the file format version that has it."""


def quantize_weights(model: ModelProto, parameters: QuantizeParameters, container: str | None = None) -> tuple[ModelProto, list[Layer]]:
    """A model with rounded weights and what was done to each; `container` overrides the type on disk."""
    kind, opset, version = _CONTAINERS.get(parameters.bits, ("INT8", 21, 10))
    if container == "INT4":
        kind, opset, version = _CONTAINERS[4]
    chosen = graph.excluded_nodes(model, parameters.exclude)
    model = _at_least(model, opset, version)
    layers, nodes = [], []
    tensors = graph.initializers(model)
    for weight in graph.weights(model):
        reason = _reason_to_leave(weight, chosen)
        if reason:
            layers.append(Layer(weight.name, weight.shape, reason=reason))
            continue
        rounded, how = _rounded(graph.array_of(tensors[weight.name]), weight, parameters)
        nodes.append(_store(model, tensors[weight.name], rounded, kind))
        layers.append(Layer(weight.name, weight.shape, done=f"{2 * largest_level(parameters.bits) + 1} levels in {kind.lower()}, {how}"))
    rest = [type(node).FromString(node.SerializeToString()) for node in model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    return model, layers


def _reason_to_leave(weight: Weight, excluded: frozenset[str]) -> str:
    if len(weight.shape) < 2:
        return "one dimension: a bias or a scale"
    if weight.dtype not in ("float32", "float16"):
        return f"stored as {weight.dtype}"
    if any(use.node in excluded for use in weight.uses):
        return "excluded"
    others = sorted({use.op for use in weight.uses if use.op not in _OPERATORS})
    if others or not weight.uses:
        return f"used by {', '.join(others)}" if others else "used by an inner graph only, or not at all"
    return ""


def _rounded(array: NDArray[Any], weight: Weight, parameters: QuantizeParameters) -> tuple[Rounded, str]:
    use = weight.uses[0]
    rank = len(weight.shape)
    if parameters.per == "tensor":
        return round_weight(array, parameters.bits), "one scale"
    channel, inner = _axes(use, rank)
    if parameters.per == "block" and weight.shape[inner] > 1:
        block = min(parameters.block, weight.shape[inner])
        made = round_weight(array, parameters.bits, inner, block)
        return made, f"{made.scale.size:,} scales, one per block of {block} along axis {inner}"
    made = round_weight(array, parameters.bits, channel)
    why = ", as its blocks would hold one weight each" if parameters.per == "block" else ""
    return made, f"{made.scale.size:,} scales, one per channel (axis {channel}){why}"


def _axes(use: Use, rank: int) -> tuple[int, int]:
    """(axis of the output channels, axis along which products are summed)."""
    if use.op == "Conv":
        return 0, 1
    if use.op == "ConvTranspose":
        return 1, 0
    if use.op == "Gather":
        return 0, rank - 1
    if use.op in ("LSTM", "GRU", "RNN"):
        return 1, 2
    left = use.position == 0
    if left or use.transposed:
        return rank - 2, rank - 1
    return rank - 1, rank - 2


def _store(model: ModelProto, tensor: Any, rounded: Rounded, kind: str) -> Any:
    """Put levels and scales in the place of a weight; returns the node that gives the weight back under its name."""
    from onnx import TensorProto, helper, numpy_helper

    name = tensor.name
    element = helper.tensor_dtype_to_np_dtype(getattr(TensorProto, kind))
    model.graph.initializer.remove(tensor)
    model.graph.initializer.append(numpy_helper.from_array(rounded.levels.astype(element), f"{name}_quantized"))
    model.graph.initializer.append(numpy_helper.from_array(rounded.scale, f"{name}_scale"))
    attributes: dict[str, Any] = {"axis": rounded.axis, "block_size": rounded.block}
    given = {key: value for key, value in attributes.items() if value is not None}
    return helper.make_node("DequantizeLinear", [f"{name}_quantized", f"{name}_scale"], [name], name=f"{name}_dequantize", **given)


def _at_least(model: ModelProto, opset: int, version: int) -> ModelProto:
    """The model in an operator set that knows the types on disk."""
    import onnx

    current = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if current < opset:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = onnx.version_converter.convert_version(model, opset)
        except Exception as error:
            said = graph.first_line(error)
            raise ModelError(f"the model's operator set {current} cannot be brought to {opset}, which these bits need: {said}") from error
        graph.tidy(model)
    model.ir_version = max(model.ir_version, version)
    return model

"""Counting the parameters of an ONNX model.

A parameter is an element of a weight: an initializer, or the tensor of a Constant node, with at least one axis, of

* a floating type, unless it is a quantisation scale;
* an 8-bit or narrower integer type, unless it is a zero point;
* 32-bit integers that a quantised operator reads as its bias.

64-bit integers, booleans and text (shapes, axes, indices) are not parameters, and neither are scales and zero points:
they describe weights. Packed weights (MatMulNBits) count their elements, not their bytes. A quantised weight is zero
where it equals its zero point. A weight shared by several nodes counts once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from harness.arrays.footprint import Weights
from harness.errors import ModelError

_FLOATS = {
    TensorProto.FLOAT: 32, TensorProto.DOUBLE: 64, TensorProto.FLOAT16: 16, TensorProto.BFLOAT16: 16, TensorProto.FLOAT8E4M3FN: 8,
    TensorProto.FLOAT8E4M3FNUZ: 8, TensorProto.FLOAT8E5M2: 8, TensorProto.FLOAT8E5M2FNUZ: 8, TensorProto.FLOAT4E2M1: 4,
}  # fmt: skip
_NARROW = {TensorProto.INT8: 8, TensorProto.UINT8: 8, TensorProto.INT4: 4, TensorProto.UINT4: 4}
_NARROW |= {getattr(TensorProto, name): 2 for name in ("INT2", "UINT2") if hasattr(TensorProto, name)}

# Operator → places of its scales and zero points, and {place of a quantised weight: place of its zero point}.
_DESCRIBING: dict[str, tuple[tuple[int, ...], dict[int, int]]] = {
    "QuantizeLinear": ((1, 2), {}),
    "DequantizeLinear": ((1, 2), {0: 2}),
    "MatMulInteger": ((2, 3), {0: 2, 1: 3}),
    "ConvInteger": ((2, 3), {1: 3}),
    "QLinearMatMul": ((1, 2, 4, 5, 6, 7), {0: 2, 3: 5}),
    "QLinearConv": ((1, 2, 4, 5, 6, 7), {3: 5}),
    "QGemm": ((1, 2, 4, 5, 7, 8), {3: 5}),
    "DynamicQuantizeMatMul": ((2, 3), {1: 3}),
    "MatMulIntegerToFloat": ((2, 3, 4, 5), {1: 5}),
    "QAttention": ((3, 4, 6, 7), {1: 7}),
    "DynamicQuantizeLSTM": ((8, 9, 10, 11), {1: 9, 2: 11}),
    "GatherBlockQuantized": ((2, 3), {0: 3}),
}
_BIASES = {"DequantizeLinear": 0, "QLinearConv": 8, "QGemm": 6}
_PACKED = "MatMulNBits"


@dataclass(frozen=True)
class _Count:
    elements: int
    non_zero: int
    bits: float


def count_weights(path: Path) -> Weights:
    """Counts over the weights of the model at `path`, external data included; `ModelError` when it cannot be read."""
    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf's and onnx's errors have no common base
        raise ModelError(f"{path} cannot be read as an ONNX model: {error}") from error
    graphs = list(_graphs(model.graph))
    nodes = [node for graph in graphs for node in graph.node] + [node for function in model.functions for node in function.node]
    tensors = dict(_tensors(graphs, nodes))
    counts = [*_packed(nodes, tensors), *_plain(nodes, tensors), *_sparse(graphs)]
    total = sum(count.elements for count in counts)
    return Weights(
        parameters=total,
        non_zero=sum(count.non_zero for count in counts),
        low_precision=sum(count.elements for count in counts if count.bits < 16),
        bits=sum(count.elements * count.bits for count in counts) / total if total else 0.0,
    )


def _graphs(graph: Any) -> Iterator[Any]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                if inner.node or inner.initializer:
                    yield from _graphs(inner)


def _tensors(graphs: list[Any], nodes: list[Any]) -> Iterator[tuple[str, Any]]:
    for graph in graphs:
        for tensor in graph.initializer:
            yield tensor.name, tensor
    for node in nodes:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            yield node.output[0], node.attribute[0].t


def _plain(nodes: list[Any], tensors: Mapping[str, Any]) -> Iterator[_Count]:
    described = {_input(node, place) for node in nodes for place in _DESCRIBING.get(node.op_type, ((), {}))[0]} | _multiplied_scales(nodes)
    packed = {name for node in nodes if node.op_type == _PACKED for name in node.input[1:5]}
    biases = {_input(node, _BIASES[node.op_type]) for node in nodes if node.op_type in _BIASES}
    zero_points = _zero_points(nodes)
    for name, tensor in tensors.items():
        bits = _FLOATS.get(tensor.data_type) or _NARROW.get(tensor.data_type)
        if bits is None and tensor.data_type == TensorProto.INT32 and name in biases:
            bits = 32
        if bits is None or not tensor.dims or name in described or name in packed:
            continue
        values = numpy_helper.to_array(tensor)
        point = tensors.get(zero_points.get(name, ("", None))[0])
        yield _Count(values.size, _non_zero(values, point, zero_points.get(name, ("", None))[1]), bits)


def _multiplied_scales(nodes: list[Any]) -> set[str]:
    """Scales of weights in dynamic quantisation: plain factors of the scale that DynamicQuantizeLinear found for the input."""
    dynamic = {node.output[1] for node in nodes if node.op_type == "DynamicQuantizeLinear"}
    products = [node.input for node in nodes if node.op_type == "Mul" and dynamic & set(node.input)]
    return {name for inputs in products for name in inputs}


def _zero_points(nodes: list[Any]) -> dict[str, tuple[str, int | None]]:
    """Quantised weight → name of its zero point, and the axis along which that varies."""
    found: dict[str, tuple[str, int | None]] = {}
    for node in nodes:
        for place, point in _DESCRIBING.get(node.op_type, ((), {}))[1].items():
            axis = next((attribute.i for attribute in node.attribute if attribute.name in ("axis", "quantize_axis")), None)
            default = 1 if node.op_type == "DequantizeLinear" else (0 if "Conv" in node.op_type else -1)
            found.setdefault(_input(node, place), (_input(node, point), default if axis is None else axis))
    return {weight: point for weight, point in found.items() if weight}


def _non_zero(values: NDArray[Any], point: Any, axis: int | None) -> int:
    """Elements that stand for something other than 0."""
    wide = values.astype(np.float32) if values.dtype.kind not in "biuf" else values
    if point is None:
        return int(np.count_nonzero(wide))
    zero = numpy_helper.to_array(point).astype(np.int32)
    whole = wide.astype(np.int32)
    if zero.size == 1:
        return int(np.count_nonzero(whole != zero.reshape(-1)[0]))
    if zero.ndim == whole.ndim:
        # Blocks: each zero point serves an equal stretch of the blocked axis.
        for place, (size, blocks) in enumerate(zip(whole.shape, zero.shape, strict=True)):
            zero = np.repeat(zero, -(-size // blocks), axis=place).take(range(size), axis=place)
        return int(np.count_nonzero(whole != zero))
    shape = [1] * whole.ndim
    shape[-1 if axis is None else axis] = zero.size
    return int(np.count_nonzero(whole != zero.reshape(shape)))


def _packed(nodes: list[Any], tensors: Mapping[str, Any]) -> Iterator[_Count]:
    """Weights of MatMulNBits: N columns of K elements of `bits` bits, packed low bits first, in blocks."""
    seen: set[str] = set()
    for node in nodes:
        if node.op_type != _PACKED or node.input[1] not in tensors or node.input[1] in seen:
            continue
        seen.add(node.input[1])
        values = {attribute.name: attribute.i for attribute in node.attribute}
        columns, length, bits, block = values["N"], values["K"], values.get("bits", 4), values["block_size"]
        blocks = -(-length // block)
        weights = _unpacked(numpy_helper.to_array(tensors[node.input[1]]).reshape(columns, -1), bits)[:, : blocks * block]
        point: NDArray[Any] = np.full((columns, blocks), 1 << (bits - 1))
        if _input(node, 3) in tensors:
            stored = numpy_helper.to_array(tensors[_input(node, 3)])
            rows = stored.reshape(columns, -1)
            point = _unpacked(rows, bits)[:, :blocks] if stored.dtype == np.uint8 else rows
        different = weights != np.repeat(point, block, axis=1)
        yield _Count(columns * length, int(np.count_nonzero(different[:, :length])), bits)


def _unpacked(rows: NDArray[np.uint8], bits: int) -> NDArray[Any]:
    each = np.unpackbits(rows, axis=1, bitorder="little").reshape(len(rows), -1, bits)
    return np.asarray(each @ (1 << np.arange(bits)))


def _sparse(graphs: list[Any]) -> Iterator[_Count]:
    for graph in graphs:
        for sparse in graph.sparse_initializer:
            bits = _FLOATS.get(sparse.values.data_type) or _NARROW.get(sparse.values.data_type)
            if bits is not None:
                yield _Count(int(np.prod(sparse.dims)), int(np.count_nonzero(numpy_helper.to_array(sparse.values))), bits)


def _input(node: Any, place: int) -> str:
    return str(node.input[place]) if place < len(node.input) else ""

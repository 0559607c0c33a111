"""Matrix products with weights of 2, 4 or 8 bits, by ONNX Runtime's own operator.

The weights are rounded by the quantizer that comes with it, but for GPTQ, where that one has a fault: see `gptq`.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.compress import facts, graph
from harness.compress.calibration import Batch
from harness.compress.decoded import drop_unused
from harness.compress.gptq import gptq, hessians
from harness.compress.graph import ModelProto, Weight
from harness.compress.parameters import QuantizeParameters
from harness.compress.quiet import quiet
from harness.errors import MissingDependencyError, ModelError
from harness.ports.compress import Layer

_EVEN_BLOCKS = ("k_quant",)
"""Methods whose packing of zero points fails unless every column has an even number of blocks."""

_HIDDEN = "_left_alone"


def split_gemms(model: ModelProto) -> int:
    """Turn each plain Gemm with a constant matrix into MatMul and Add; returns how many.

    The weight keeps its name, and is transposed where the Gemm did that, unless something else uses it too.
    """
    from onnx import helper, numpy_helper

    tensors = graph.initializers(model)
    uses = {weight.name: len(weight.uses) for weight in graph.weights(model)}
    nodes, count = [], 0
    for node in [type(node).FromString(node.SerializeToString()) for node in model.graph.node]:
        flags = {attribute.name: attribute.f if attribute.type == attribute.FLOAT else attribute.i for attribute in node.attribute}
        plain = flags.get("alpha", 1) == 1 and flags.get("beta", 1) == 1 and not flags.get("transA", 0)
        if node.op_type != "Gemm" or not plain or node.input[1] not in uses:
            nodes.append(node)
            continue
        name = node.input[1]
        if flags.get("transB", 0):
            turned = numpy_helper.from_array(graph.array_of(tensors[name]).T.copy(), name)
            if uses[name] == 1:
                tensors[name].CopyFrom(turned)
            else:
                turned.name = name = f"{name}_transposed"
                if name not in tensors:
                    tensors[name] = turned
                    model.graph.initializer.append(turned)
        bias = len(node.input) > 2 and node.input[2]
        product = f"{node.output[0]}_product" if bias else node.output[0]
        nodes.append(helper.make_node("MatMul", [node.input[0], name], [product], name=node.name))
        if bias:
            nodes.append(helper.make_node("Add", [product, node.input[2]], [node.output[0]], name=f"{node.name}_bias"))
        count += 1
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    drop_unused(model)
    return count


def quantize(
    model: ModelProto, parameters: QuantizeParameters, excluded: frozenset[str], batches: Sequence[Batch]
) -> tuple[ModelProto, list[Layer]]:
    """The model with MatMulNBits in place of MatMul, and what became of each weight."""
    weights = graph.weights(model)
    reasons = {weight.name: _reason_to_leave(weight, parameters, excluded) for weight in weights}
    done = {name for name, reason in reasons.items() if not reason}
    made = model
    if done:
        made = _by_gptq(model, parameters, done, batches) if parameters.method == "gptq" else _by_library(model, parameters, done)
    found = {node.input[1].rpartition("_Q")[0]: node for node in made.graph.node if node.op_type == "MatMulNBits"}
    layers = []
    for weight in weights:
        if weight.name in done and weight.name not in found:
            raise ModelError(f"matmul_nbits: ONNX Runtime's quantizer left weight {weight.name!r} alone and did not say why")
        told = f"MatMulNBits, {parameters.width} bits by {parameters.method or 'rtn'}, blocks of {parameters.block}"
        layers.append(
            Layer(weight.name, weight.shape, done=told)
            if weight.name in done
            else Layer(weight.name, weight.shape, reason=reasons[weight.name])
        )
    return made, layers


def with_facts(layers: Sequence[Layer], before: ModelProto, after: ModelProto) -> list[Layer]:
    """The layers with what the stored integers decode to, compared with the weights before."""
    originals, tensors = graph.initializers(before), graph.initializers(after)
    nodes = {node.input[1].rpartition("_Q")[0]: node for node in after.graph.node if node.op_type == "MatMulNBits"}
    measured = []
    for layer in layers:
        if layer.done:
            node = nodes[layer.name]
            bits = next(attribute.i for attribute in node.attribute if attribute.name == "bits")
            layer = replace(layer, facts=facts.found(graph.array_of(originals[layer.name]), weight_of(node, tensors), bits))
        measured.append(layer)
    return measured


def weight_of(node: Any, tensors: dict[str, Any]) -> NDArray[np.float64]:
    """The matrix [K, N] that a MatMulNBits node multiplies by: (level - zero point) · scale, per block of a column."""
    sizes = {attribute.name: attribute.i for attribute in node.attribute}
    bits, block, columns = sizes["bits"], sizes["block_size"], sizes["N"]
    blocks = math.ceil(sizes["K"] / block)
    levels = _fields(graph.array_of(tensors[node.input[1]]).reshape(columns, -1), bits).reshape(columns, blocks, block)
    scale = graph.array_of(tensors[node.input[2]]).astype(np.float64).reshape(columns, blocks, 1)
    zero: NDArray[Any] = np.array(2 ** (bits - 1))
    if len(node.input) > 3 and node.input[3]:
        stored = graph.array_of(tensors[node.input[3]])
        zero = stored if stored.dtype.kind == "f" else _fields(stored.reshape(columns, -1), bits)[:, :blocks]
        zero = zero.astype(np.float64).reshape(columns, blocks, 1)
    whole = ((levels - zero) * scale).reshape(columns, blocks * block)
    return np.asarray(whole[:, : sizes["K"]].T)


def _fields(stored: NDArray[np.uint8], bits: int) -> NDArray[np.int64]:
    """Unsigned integers of `bits` bits out of bytes, lowest bits first, along the last axis."""
    shifts = np.arange(0, 8, bits)
    return np.asarray((stored[..., None].astype(np.int64) >> shifts) & (2**bits - 1)).reshape(*stored.shape[:-1], -1)


def _reason_to_leave(weight: Weight, parameters: QuantizeParameters, excluded: frozenset[str]) -> str:
    right = [use for use in weight.uses if use.op == "MatMul" and use.position == 1]
    if len(weight.shape) < 2:
        return "one dimension: a bias or a scale"
    if any(use.node in excluded for use in weight.uses):
        return "excluded"
    if not right or len(right) < len(weight.uses):
        users = ", ".join(sorted({use.op for use in weight.uses})) or "nothing"
        return f"used by {users}, which this engine leaves alone" if not right else f"used by {users}: it would have to be stored twice"
    if len(weight.shape) != 2:
        return f"{len(weight.shape)} dimensions: this engine takes matrices"
    if weight.dtype not in ("float32", "float16"):
        return f"stored as {weight.dtype}"
    blocks = math.ceil(weight.shape[0] / parameters.block)
    if parameters.method in _EVEN_BLOCKS and blocks % 2:
        return f"{blocks} block(s) of {parameters.block} in a column: the library's {parameters.method} works with an even number only"
    return ""


def _by_gptq(model: ModelProto, parameters: QuantizeParameters, wanted: set[str], batches: Sequence[Batch]) -> ModelProto:
    from onnx import helper, numpy_helper

    nodes = [node for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in wanted]
    sums = hessians(model, list(dict.fromkeys(node.input[0] for node in nodes)), batches)
    tensors = graph.initializers(model)
    total: dict[str, Any] = {}
    for node in nodes:
        total[node.input[1]] = total.get(node.input[1], 0.0) + sums[node.input[0]]
    bits = parameters.width
    for name in sorted(total):
        array = graph.array_of(tensors[name])
        made = gptq(array, total[name], bits, parameters.block)
        parts = {f"{name}_Q{bits}": _packed(made.levels, bits, parameters.block), f"{name}_scales": made.scale.T.astype(array.dtype)}
        parts[f"{name}_zero_points"] = _bytes(made.zero.T, bits)
        model.graph.initializer.extend(numpy_helper.from_array(np.ascontiguousarray(part), key) for key, part in parts.items())
    for node in nodes:
        rows, columns = tensors[node.input[1]].dims
        sizes = {"K": rows, "N": columns, "bits": bits, "block_size": parameters.block}
        inputs = [node.input[0], *(f"{node.input[1]}_{part}" for part in (f"Q{bits}", "scales", "zero_points"))]
        node.CopyFrom(
            helper.make_node("MatMulNBits", inputs, list(node.output), name=f"{node.name}_Q{bits}", domain="com.microsoft", **sizes)
        )
    if not any(entry.domain == "com.microsoft" for entry in model.opset_import):
        model.opset_import.add(domain="com.microsoft", version=1)
    return drop_unused(model)


def _packed(levels: NDArray[np.uint8], bits: int, block: int) -> NDArray[np.uint8]:
    """Levels [K, N] as bytes [N, blocks, block · bits / 8]; the last block is filled up with zeros."""
    filled = np.pad(levels, ((0, -len(levels) % block), (0, 0))).T
    return _bytes(filled, bits).reshape(len(filled), -1, block * bits // 8)


def _bytes(values: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Rows of unsigned integers packed into bytes, lowest bits first; the inverse of `_fields`."""
    per = 8 // bits
    filled = np.pad(values, ((0, 0), (0, -values.shape[1] % per))).reshape(len(values), -1, per)
    return np.asarray(np.bitwise_or.reduce(filled << (np.arange(per) * bits).astype(np.uint8), axis=2))


def _by_library(model: ModelProto, parameters: QuantizeParameters, wanted: set[str]) -> ModelProto:
    order = {name: place for place, node in enumerate(model.graph.node) for name in node.output}
    weights = {weight.name for weight in graph.weights(model)}
    _hide(model, weights - wanted)
    with quiet("quantize the matrix products of"):
        made = _processed(model, parameters)
    _show(made)
    nodes = sorted(
        (type(node).FromString(node.SerializeToString()) for node in made.graph.node), key=lambda node: order.get(node.output[0], -1)
    )
    tensors = {tensor.name: type(tensor).FromString(tensor.SerializeToString()) for tensor in made.graph.initializer}
    del made.graph.node[:]
    del made.graph.initializer[:]
    made.graph.node.extend(nodes)
    made.graph.initializer.extend(tensors[name] for name in sorted(tensors))
    return graph.tidy(drop_unused(made))


def _processed(model: ModelProto, parameters: QuantizeParameters) -> ModelProto:
    method = parameters.method or "rtn"
    if method == "hqq" and importlib.util.find_spec("torch") is None:
        raise MissingDependencyError("torch", "torch", "the method hqq")
    try:
        from onnxruntime.quantization import matmul_nbits_quantizer as library
    except ImportError as error:
        raise MissingDependencyError(error.name or "onnx-ir", "torch", "the engine matmul_nbits") from error
    configuration = {
        "rtn": lambda: library.DefaultWeightOnlyQuantConfig(block_size=parameters.block, bits=parameters.width),
        "hqq": lambda: library.HQQWeightOnlyQuantConfig(block_size=parameters.block, bits=parameters.width),
        "k_quant": library.KQuantWeightOnlyQuantConfig,
    }[method]()
    worker = library.MatMulNBitsQuantizer(model, bits=parameters.width, block_size=parameters.block, algo_config=configuration)
    worker.process()
    return worker.model.model


def _hide(model: ModelProto, names: set[str]) -> None:
    """Put an Identity between a weight and the matrix products that use it, so that the quantizer sees no constant there."""
    from onnx import helper

    hidden: dict[str, Any] = {}
    for node in model.graph.node:
        if node.op_type == "MatMul":
            for place, name in enumerate(node.input):
                if name in names:
                    hidden[name] = helper.make_node("Identity", [name], [f"{name}{_HIDDEN}"], name=f"{name}{_HIDDEN}")
                    node.input[place] = f"{name}{_HIDDEN}"
    graph.put_first(model, hidden.values())


def _show(model: ModelProto) -> None:
    kept = [type(node).FromString(node.SerializeToString()) for node in model.graph.node if not node.name.endswith(_HIDDEN)]
    for node in kept:
        node.input[:] = [name.removesuffix(_HIDDEN) for name in node.input]
    del model.graph.node[:]
    model.graph.node.extend(kept)

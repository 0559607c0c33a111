"""Which weights a technique on an ONNX graph works on, and why it leaves the others alone."""

# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Sequence

from harness.compress.graph import ModelProto, Use, Weight, all_nodes
from harness.errors import ModelError
from harness.ports.compress import Layer

OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Gather", "LSTM", "GRU", "RNN")
"""Operators whose weights make up nearly all of a model's size."""

_DECODERS = ("DequantizeLinear", "BitShift", "Cast", "GatherBlockQuantized")
"""What turns stored integers back into weights."""


def reason_to_leave(weight: Weight, excluded: frozenset[str], operators: Sequence[str] = OPERATORS) -> str:
    """Why a technique for matrices in 16 or 32 bits leaves a weight alone, "" when it does not."""
    if len(weight.shape) < 2:
        return "one dimension: a bias or a scale"
    if weight.dtype not in ("float32", "float16"):
        return f"stored as {weight.dtype}"
    if any(use.node in excluded for use in weight.uses):
        return "excluded"
    others = sorted({use.op for use in weight.uses if use.op not in operators})
    if others or not weight.uses:
        return f"used by {', '.join(others)}" if others else "used by an inner graph only, or not at all"
    return ""


def axes(use: Use, rank: int) -> tuple[int, int]:
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


def refuse_integers(model: ModelProto, step: str) -> None:
    """`ModelError` when weights are stored as integers already: what changes floats has to come before that."""
    found = integer_weights(model)
    if found:
        raise ModelError(
            f"{step}: {len(found)} weight(s) of this graph are integers already, {found[0]!r} among them, and {step} works on "
            f"floating-point weights; put {step} before the step that quantizes or shares them"
        )


def integer_weights(model: ModelProto) -> tuple[str, ...]:
    """Initializers that hold weights as integers: quantized, packed, or indices into a codebook."""
    from onnx import TensorProto

    floats = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
    kinds = {tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type not in (*floats, TensorProto.INT64)}
    found = []
    for node in all_nodes(model):
        integer = node.op_type in _DECODERS or "Integer" in node.op_type or "QLinear" in node.op_type or "NBits" in node.op_type
        places = node.input[:1] if node.op_type in _DECODERS else node.input
        found += [name for name in places if integer and name in kinds and _elements(kinds[name]) > 1 and not _is_bias(kinds[name])]
    return tuple(dict.fromkeys(found))


def refuse_nothing_done(layers: Sequence[Layer], step: str, done: str) -> None:
    """The result must not be the original under another name: `ModelError` with reasons unless a matrix was `done`."""
    if any(layer.done for layer in layers if len(layer.shape) > 1):
        return
    reasons = sorted({f"{layer.name}: {layer.reason}" for layer in layers if len(layer.shape) > 1})[:5]
    why = "; ".join(reasons) or "the model has no weight of two or more dimensions"
    raise ModelError(f"{step}: nothing was {done}, the result would be the original itself ({why})")


def _elements(tensor: ModelProto) -> int:
    count = 1
    for length in tensor.dims:
        count *= length
    return count


def _is_bias(tensor: ModelProto) -> bool:
    from onnx import TensorProto

    return bool(tensor.data_type == TensorProto.INT32)

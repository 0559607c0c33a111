"""Which weights a technique on an ONNX graph works on, and why it leaves the others alone."""

# ruff: noqa: PLC0415

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from harness.compress.graph import ModelProto, Use, Weight, all_nodes
from harness.errors import ModelError
from harness.ports.compress import Layer

OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Gather", "LSTM", "GRU", "RNN")
"""Operators whose weights make up nearly all of a model's size."""

_MATRICES = {"Conv": (1,), "ConvTranspose": (1,), "Gemm": (0, 1), **dict.fromkeys(("LSTM", "GRU", "RNN"), (1, 2))}
"""Inputs that are matrices of weights; what else may come in two dimensions is a bias or a state."""

_DECODERS = ("DequantizeLinear", "BitShift", "Cast", "GatherBlockQuantized")
"""What turns stored integers back into weights."""

_STORED = re.compile(r"(_quantized|_index)?(_sign)?(_bits\d|_Q\d\w*)?$")
"""What is put behind a weight's name where it is stored as integers."""


def reason_to_leave(weight: Weight, excluded: frozenset[str], operators: Sequence[str] = OPERATORS) -> str:
    """Why a technique for matrices in 16 or 32 bits leaves a weight alone, "" when it does not."""
    if len(weight.shape) < 2:
        return "one dimension: a bias or a scale"
    if weight.dtype not in ("float32", "float16"):
        return f"stored as {weight.dtype}"
    if any(use.node in excluded for use in weight.uses):
        return "excluded"
    if any(use.position not in _MATRICES.get(use.op, (use.position,)) for use in weight.uses):
        return "a bias or a state"
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
    """Names of the weights that are held as integers: quantized, packed, or as indices into a codebook."""
    from onnx import TensorProto

    kinds = (TensorProto.INT8, TensorProto.UINT8, TensorProto.INT4, TensorProto.UINT4, TensorProto.INT16, TensorProto.UINT16)
    small = (*kinds, *(getattr(TensorProto, name) for name in ("INT2", "UINT2") if hasattr(TensorProto, name)))
    held = {tensor.name for tensor in model.graph.initializer if tensor.data_type in small and math.prod(tensor.dims) > 1}
    found = [_weight_input(node) for node in all_nodes(model)]
    return tuple(dict.fromkeys(_STORED.sub("", name) for name in found if name in held))


def _weight_input(node: ModelProto) -> str:
    """The input of a node at which integers that stand for weights come in, "" where there is none."""
    if node.op_type in _DECODERS:
        return str(node.input[0])
    place = 3 if node.op_type.startswith(("QLinear", "QGemm")) else 1
    integer = place == 3 or any(part in node.op_type for part in ("Integer", "NBits", "DynamicQuantize"))
    return str(node.input[place]) if integer and len(node.input) > place else ""


def refuse_nothing_done(layers: Sequence[Layer], step: str, done: str) -> None:
    """The result must not be the original under another name: `ModelError` with reasons unless a matrix was `done`."""
    if any(layer.done for layer in layers if len(layer.shape) > 1):
        return
    reasons = sorted({f"{layer.name}: {layer.reason}" for layer in layers if len(layer.shape) > 1})[:5]
    why = "; ".join(reasons) or "the model has no weight of two or more dimensions"
    raise ModelError(f"{step}: nothing was {done}, the result would be the original itself ({why})")

"""Unsigned integers of 1 to 8 bits in uint8 tensors without gaps, and the ONNX nodes that unpack them.

A value is cut into fields of 4, 2 and 1 bits (3 = 2 + 1, 7 = 4 + 2 + 1), so that every field divides a byte: no value
straddles two. Each field has a tensor of its own, lowest bits first, the first value in the lowest bits of its byte.
The nodes (BitShift, BitwiseAnd, BitwiseOr, Reshape) have constant inputs alone, so the runtime runs them once, at load.
ONNX's own uint4 and uint2 would do for two of the eight widths only.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.compress.graph import ModelProto, array_of, initializers

OPSET = 18
"""The operator set that has BitwiseAnd and BitwiseOr."""


def fields(bits: int) -> tuple[int, ...]:
    """Widths of the fields, lowest bits first.

    >>> [fields(bits) for bits in (1, 3, 4, 7, 8)]
    [(1,), (2, 1), (4,), (4, 2, 1), (8,)]
    """
    return tuple(width for width in (8, 4, 2, 1) if bits & width)


def pack(values: NDArray[np.uint8], bits: int) -> list[NDArray[np.uint8]]:
    """One array of bytes per field.

    >>> [part.tolist() for part in pack(np.array([5, 1, 7, 0, 2], np.uint8), 3)]
    [[29, 2], [5]]
    """
    flat, parts, start = values.reshape(-1), [], 0
    for width in fields(bits):
        per = 8 // width
        field = (flat >> start) & (2**width - 1)
        padded = np.pad(field, (0, -len(field) % per)).reshape(-1, per).astype(np.uint8)
        parts.append(np.bitwise_or.reduce(padded << (np.arange(per) * width).astype(np.uint8), axis=1))
        start += width
    return parts


def stored(model: ModelProto, name: str, values: NDArray[np.uint8], bits: int) -> list[Any]:
    """Put the packed values into the model; returns nodes that give them back as `name`, uint8 in the values' shape."""
    from onnx import helper, numpy_helper

    if bits == 8:
        model.graph.initializer.append(numpy_helper.from_array(values, name))
        return []
    nodes: list[Any] = []
    start, whole = 0, ""
    for width, part in zip(fields(bits), pack(values, bits), strict=True):
        bytes_ = _constant(model, f"{name}_bits{start}", part.reshape(-1, 1))
        field = _unpacked(model, nodes, bytes_, f"{name}.{start}", width, values.size)
        if start:
            by = _constant(model, f"unpack.by_{start}", np.array(start, np.uint8))
            nodes.append(helper.make_node("BitShift", [field, by], [f"{name}.{start}u"], direction="LEFT"))
            nodes.append(helper.make_node("BitwiseOr", [whole, f"{name}.{start}u"], [f"{name}.{start}o"]))
            field = f"{name}.{start}o"
        whole = field
        start += width
    shape = _constant(model, f"{name}_shape", np.array(values.shape, np.int64))
    nodes.append(helper.make_node("Reshape", [whole, shape], [name]))
    return nodes


def _unpacked(model: ModelProto, nodes: list[Any], bytes_: str, name: str, width: int, count: int) -> str:
    """One field as a flat tensor of `count` values. Names are short, and nodes have none: in a small model they count."""
    from onnx import helper

    per = 8 // width
    flat = _constant(model, "unpack.flat", np.array([-1], np.int64))
    if per > 1:
        shifts = _constant(model, f"unpack.shifts_{width}", (np.arange(per) * width).astype(np.uint8))
        mask = _constant(model, f"unpack.mask_{width}", np.array(2**width - 1, np.uint8))
        nodes.append(helper.make_node("BitShift", [bytes_, shifts], [f"{name}s"], direction="RIGHT"))
        nodes.append(helper.make_node("BitwiseAnd", [f"{name}s", mask], [f"{name}m"]))
        bytes_ = f"{name}m"
    nodes.append(helper.make_node("Reshape", [bytes_, flat], [f"{name}f"]))
    if count % per == 0:
        return f"{name}f"
    ends = [_constant(model, "unpack.start", np.array([0], np.int64)), _constant(model, f"{name}n", np.array([count], np.int64))]
    nodes.append(helper.make_node("Slice", [f"{name}f", *ends], [f"{name}c"]))
    return f"{name}c"


def _constant(model: ModelProto, name: str, value: NDArray[Any]) -> str:
    """The name of an initializer that holds `value`, added unless the model has it."""
    from onnx import numpy_helper

    known = initializers(model)
    while name in known and not _same(known[name], value):
        name += "_"
    if name not in known:
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return name


def _same(tensor: Any, value: NDArray[Any]) -> bool:
    held = array_of(tensor)
    return held.dtype == value.dtype and np.array_equal(held, value)

"""Reads weights out of ONNX files with nothing but protobuf fields and numpy: no code of the harness, no onnx helpers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

BITS = {
    onnx.TensorProto.FLOAT: 32,
    onnx.TensorProto.FLOAT16: 16,
    onnx.TensorProto.BFLOAT16: 16,
    onnx.TensorProto.INT8: 8,
    onnx.TensorProto.UINT8: 8,
    onnx.TensorProto.INT4: 4,
    onnx.TensorProto.INT2: 2,
    onnx.TensorProto.UINT16: 16,
    onnx.TensorProto.INT32: 32,
    onnx.TensorProto.INT64: 64,
}


def tensors(path: Path) -> dict[str, Any]:
    return {tensor.name: tensor for tensor in onnx.load(str(path)).graph.initializer}


def integers(tensor: Any) -> NDArray[np.int64]:
    """The integers of a packed tensor: little end first, two's complement."""
    bits, count = BITS[tensor.data_type], int(np.prod(tensor.dims))
    if not tensor.raw_data:
        return np.array(tensor.int32_data, np.int64).reshape(tuple(tensor.dims))
    raw = np.frombuffer(tensor.raw_data, np.uint8)
    if tensor.data_type == onnx.TensorProto.UINT8:
        return raw.astype(np.int64).reshape(tuple(tensor.dims))
    fields = [(raw.astype(np.int64) >> shift) & (2**bits - 1) for shift in range(0, 8, bits)]
    values = np.stack(fields, axis=1).reshape(-1)[:count]
    return np.where(values >= 2 ** (bits - 1), values - 2**bits, values).reshape(tuple(tensor.dims))


def floats(tensor: Any) -> NDArray[np.float32]:
    if tensor.data_type == onnx.TensorProto.BFLOAT16:
        return (np.frombuffer(tensor.raw_data, np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(tuple(tensor.dims))
    kind = np.float16 if tensor.data_type == onnx.TensorProto.FLOAT16 else np.float32
    if tensor.raw_data:
        return np.frombuffer(tensor.raw_data, kind).reshape(tuple(tensor.dims))
    return np.array(tensor.float_data, kind).reshape(tuple(tensor.dims))


def packed(after: dict[str, Any], name: str, bits: int, count: int) -> NDArray[np.int64]:
    """Unsigned integers out of the fields that `name` is cut into: for 7 bits the lowest 4, then 2, then 1."""
    values, start = np.zeros(count, np.int64), 0
    for width in {1: [1], 2: [2], 3: [2, 1], 4: [4], 5: [4, 1], 6: [4, 2], 7: [4, 2, 1], 8: [8]}[bits]:
        tensor = after[f"{name}_bits{start}"]
        assert tensor.data_type == onnx.TensorProto.UINT8
        assert len(tensor.raw_data) == -(-count * width // 8), "gaps"
        singles = np.unpackbits(np.frombuffer(tensor.raw_data, np.uint8), bitorder="little").astype(np.int64)
        field = singles[: count * width].reshape(count, width) @ (2 ** np.arange(width))
        values += field << start
        start += width
    return values


def levels(after: dict[str, Any], name: str, bits: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Signed levels of a weight that `quantize` with mode weights stored under `<name>_quantized`, in whatever container."""
    if f"{name}_quantized" in after:
        return integers(after[f"{name}_quantized"])
    count = int(np.prod(shape))
    if bits == 1:
        return (2 * packed(after, f"{name}_quantized_sign", 1, count) - 1).reshape(shape)
    return (packed(after, f"{name}_quantized", bits, count) - (2 ** (bits - 1) - 1)).reshape(shape)

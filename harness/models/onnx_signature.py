"""The inputs an ONNX file declares, read without running it.

onnx is imported when a file is read, not before: judging stored evidence needs no model library.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import ModelError
from harness.ports.model import Tensor


def onnx_inputs(path: Path) -> tuple[Tensor, ...]:
    """Inputs of the graph that are not initializers; `ModelError` when the file cannot be read."""
    import onnx  # noqa: PLC0415

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception as error:  # protobuf's and onnx's errors have no common base
        raise ModelError(f"{path} cannot be read as an ONNX model: {error}") from error
    weights = {tensor.name for tensor in graph.initializer}
    return tuple(_tensor(value) for value in graph.input if value.name not in weights)


def _tensor(value: Any) -> Tensor:
    import onnx  # noqa: PLC0415

    kind = value.type.tensor_type
    shape = tuple(size.dim_value if size.HasField("dim_value") else None for size in kind.shape.dim) if kind.HasField("shape") else None
    if kind.elem_type == onnx.TensorProto.STRING:
        return Tensor(value.name, "str", shape)
    return Tensor(value.name, np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).name, shape)

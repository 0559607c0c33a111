"""The technique `cast`: floating-point weights of 16 bits."""

# ruff: noqa: PLC0415

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.compress import facts, graph
from harness.compress.graph import ModelProto, Weight
from harness.compress.parameters import CastParameters
from harness.compress.technique import OnnxTechnique
from harness.errors import ModelError
from harness.ports.compress import Layer, StepContext, StepReport

LARGEST_HALF = 65504.0
"""The largest finite IEEE 754 binary16 number."""

_NOTES = {
    "fp16": "inputs and outputs stay float32; operators for which the runtime has no 16-bit code compute in 32 bits",
    "bf16": "weights are stored as bfloat16 and computed with in float32: the CPU runtime has next to no bfloat16 code",
}


class Cast(OnnxTechnique):
    """16-bit floats."""

    def apply(self, source: Path, target: Path, parameters: CastParameters, context: StepContext) -> StepReport:
        """Write the cast model; `ModelError` when a weight does not fit into the type, or no weight was float32."""
        model = graph.tidy(graph.read(source))
        graph.refuse_not_finite(model, "cast")
        before = graph.weights(model)
        if not any(weight.dtype == "float32" for weight in before):
            raise ModelError(f"cast to {parameters.to}: the model has no float32 weight, so nothing would change")
        tensors = graph.initializers(model)
        arrays = {weight.name: graph.array_of(tensors[weight.name]) for weight in before}
        made = _half(model) if parameters.to == "fp16" else _brain(model)
        graph.write(made, target)
        return StepReport(tuple(_layers(before, arrays, made)), (_NOTES[parameters.to],))


def _half(model: ModelProto) -> ModelProto:
    """The whole graph in float16 but for its inputs and outputs, by ONNX Runtime's converter."""
    _refuse_overflow(model)
    path = list(sys.path)
    try:
        from onnxruntime.quantization.onnx_model import ONNXModel
        from onnxruntime.transformers.float16 import convert_float_to_float16
    finally:
        # That package puts its own folders, full of common module names, on the path.
        sys.path[:] = path
    large = model.ByteSize() > graph.LARGEST_FILE
    made = convert_float_to_float16(model, keep_io_types=True, disable_shape_infer=large)
    ONNXModel(made).topological_sort()
    return graph.tidy(made)


def _refuse_overflow(model: ModelProto) -> None:
    """The converter would silently clip; a weight that large means that fp16 is the wrong type."""
    tensors = graph.initializers(model)
    for weight in graph.weights(model):
        largest = float(np.abs(graph.array_of(tensors[weight.name]).astype(np.float64)).max())
        if largest > LARGEST_HALF:
            raise ModelError(
                f"cast to fp16: weight {weight.name!r} holds {largest:g}, and fp16 ends at {LARGEST_HALF:g}; use cast: {{to: bf16}}, "
                "or rescale that layer"
            )


def _brain(model: ModelProto) -> ModelProto:
    """Weights as bfloat16, each followed by a Cast back to float32."""
    from onnx import TensorProto, helper, numpy_helper

    element = helper.tensor_dtype_to_np_dtype(TensorProto.BFLOAT16)
    tensors = graph.initializers(model)
    casts = []
    for weight in graph.weights(model):
        if weight.dtype != "float32":
            continue
        tensor = tensors[weight.name]
        stored = numpy_helper.from_array(graph.array_of(tensor).astype(element), f"{weight.name}_bf16")
        tensor.CopyFrom(stored)
        casts.append(helper.make_node("Cast", [stored.name], [weight.name], name=f"{weight.name}_cast", to=TensorProto.FLOAT))
    graph.put_first(model, casts)
    return model


def _layers(before: tuple[Weight, ...], arrays: Mapping[str, NDArray[Any]], after: ModelProto) -> list[Layer]:
    from onnx import TensorProto

    kinds: dict[int, str] = {TensorProto.FLOAT16: "float16", TensorProto.BFLOAT16: "bfloat16"}
    found: dict[str, Any] = graph.initializers(after)
    report = []
    for weight in before:
        tensor = found.get(weight.name) or found.get(f"{weight.name}_bf16")
        kind = kinds.get(tensor.data_type, "") if tensor is not None and weight.dtype == "float32" else ""
        users = ", ".join(sorted({use.op for use in weight.uses}))
        reason = "" if kind else (f"used by {users}, which stays in 32 bits" if weight.dtype == "float32" else f"stored as {weight.dtype}")
        found_facts = facts.found(arrays[weight.name], graph.array_of(tensor).astype(np.float32), 16) if kind else {}
        report.append(Layer(weight.name, weight.shape, done=kind, reason=reason, facts=found_facts))
    return report

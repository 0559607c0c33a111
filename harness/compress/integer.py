"""8-bit arithmetic by ONNX Runtime's own quantizer: dynamic and static."""

# ruff: noqa: PLC0415

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.compress import facts, graph
from harness.compress.calibration import Batch
from harness.compress.graph import ModelProto
from harness.compress.parameters import QuantizeParameters
from harness.compress.quiet import quiet
from harness.ports.compress import Layer

ENTROPY_BINS = 1024
"""Bins of the histogram from which the entropy method cuts outliers off."""

SATURATES = "u8 activations with s8 weights: on processors without VNNI sums can saturate, and answers then differ between machines"

_DECODING = ("scale", "zero_point")

_METHODS = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}

ENTROPY_LEVELS = 256
"""Levels it merges the bins into: those of 8 bits."""


def prepared(model: ModelProto, scratch: Path) -> ModelProto:
    """The same model with constants folded and normalisations fused into the layers before them.

    Done by a session that saves its graph. The quantizer's own `quant_pre_process` does the same, but loses weights that
    lie in a file of their own, and its symbolic shape inference fails on some exported transformers.
    """
    import onnxruntime

    before, after = scratch / "before.onnx", scratch / "prepared.onnx"
    graph.write(model, before)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(after)
    options.log_severity_level = 4
    if graph.too_large(model):
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", f"{after.name}.data")
    with quiet("prepare"):
        onnxruntime.InferenceSession(str(before), options, providers=["CPUExecutionProvider"])
    ready = graph.tidy(graph.read(after))
    ready.graph.value_info.extend(_foreign_types(ready, scratch))
    return ready


def _foreign_types(model: ModelProto, scratch: Path) -> list[Any]:
    """Types, without shapes, of what operators outside ONNX's own set give, such as those of scikit-learn (`ai.onnx.ml`).

    ONNX's shape inference, on which the quantizer relies, knows nothing of them, and the quantizer then fails or leaves
    out the layers behind them. ONNX Runtime knows the types of its outputs, whatever operator gives them.
    """
    import onnxruntime
    from onnx import TensorProto, ValueInfoProto, helper

    inner = {name for node in model.graph.node if node.domain not in ("", "ai.onnx") for name in node.output if name}
    names = sorted(inner - {entry.name for entry in model.graph.output})
    if not names:
        return []
    asking, path = type(model).FromString(model.SerializeToString()), scratch / "types.onnx"
    asking.graph.output.extend(ValueInfoProto(name=name) for name in names)
    graph.write(asking, path)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    with quiet("look at the types of"):
        outputs = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).get_outputs()
    kinds = {"tensor(float)": TensorProto.FLOAT, "tensor(double)": TensorProto.DOUBLE, "tensor(float16)": TensorProto.FLOAT16}
    found = {output.name: kinds[output.type] for output in outputs if output.type in kinds}
    return [helper.make_tensor_value_info(name, found[name], None) for name in names if name in found]


def give_own_factors(model: ModelProto) -> list[str]:
    """Gives Gemm nodes that share their transposed weight with other nodes a copy that needs no transposing.

    Returns the names of the weights that are now stored twice. ONNX Runtime's quantizers take for granted that no other
    node uses such a weight: the dynamic one transposes it in place once per node, and the static one lends its scales per
    channel to the rows that an embedding looks up in it. Two layers with tied weights, or a head tied to an embedding,
    would silently compute nonsense.
    """
    from onnx import numpy_helper

    tensors = graph.initializers(model)
    shared = {weight.name for weight in graph.weights(model) if len(weight.uses) > 1}
    for node in model.graph.node:
        flags = [attribute for attribute in node.attribute if attribute.name == "transB" and attribute.i]
        if node.op_type != "Gemm" or not flags or node.input[1] not in shared:
            continue
        name = f"{node.input[1]}_transposed"
        if name not in tensors:
            tensors[name] = numpy_helper.from_array(graph.array_of(tensors[node.input[1]]).T.copy(), name)
            model.graph.initializer.append(tensors[name])
        node.input[1] = name
        flags[0].i = 0
    used = {name for node in graph.all_nodes(model) for name in node.input} | {entry.name for entry in model.graph.output}
    for name in sorted(shared - used):
        model.graph.initializer.remove(tensors[name])
    return sorted(name for name in shared & used if f"{name}_transposed" in tensors)


def quantize_dynamic(model: ModelProto, parameters: QuantizeParameters, excluded: frozenset[str], scratch: Path) -> ModelProto:
    """8-bit weights; activations are quantized batch by batch when the model runs.

    Call `give_own_factors` first. The quantizer first turns each Gemm into a MatMul of another name, so
    both names are excluded.
    """
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization import quantize_dynamic as ort_dynamic

    renamed = {f"{node.name}_MatMul" for node in model.graph.node if node.op_type == "Gemm" and node.name in excluded}
    source, target = scratch / "source.onnx", scratch / "dynamic.onnx"
    graph.write(model, source)
    with quiet("quantize dynamically"):
        ort_dynamic(
            str(source),
            str(target),
            per_channel=parameters.per == "channel",
            weight_type=QuantType.QInt8 if parameters.weights == "s8" else QuantType.QUInt8,
            nodes_to_exclude=sorted(excluded | renamed),
            use_external_data_format=graph.too_large(model),
        )
    return graph.tidy(graph.read(target))


def quantize_static(model: ModelProto, parameters: QuantizeParameters, excluded: frozenset[str], ranges: Path, scratch: Path) -> ModelProto:
    """8-bit weights and activations, whose ranges `calibrated` wrote."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType
    from onnxruntime.quantization import quantize_static as ort_static

    types = {"s8": QuantType.QInt8, "u8": QuantType.QUInt8, "u16": QuantType.QUInt16}
    source, target = scratch / "source.onnx", scratch / "static.onnx"
    graph.write(model, source)
    with quiet("quantize statically"):
        ort_static(
            str(source),
            str(target),
            None,
            quant_format=QuantFormat.QDQ,
            per_channel=parameters.per == "channel",
            activation_type=types[parameters.activations],
            weight_type=types[parameters.weights],
            calibrate_method=getattr(CalibrationMethod, _METHODS[parameters.method or "minmax"]),
            nodes_to_exclude=sorted(excluded),
            use_external_data_format=graph.too_large(model),
            calibration_cache_path=str(ranges),
        )
    return graph.tidy(graph.read(target))


def calibrated(model: ModelProto, parameters: QuantizeParameters, batches: list[Batch], scratch: Path) -> Path:
    """A file with the range of every activation on the calibration batches.

    Found apart from the quantization itself, because one calibration serves several quantizations, and because
    `quantize_static` passes no number of bins on: with its defaults (128 bins for 128 levels) the entropy method has
    nothing to choose from and would silently be minmax.
    """
    from onnxruntime.quantization import CalibrationMethod
    from onnxruntime.quantization.calibrate import create_calibrator, save_tensors_data
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    method = parameters.method or "minmax"
    options = {
        "minmax": {},
        "entropy": {"num_bins": ENTROPY_BINS, "num_quantized_bins": ENTROPY_LEVELS},
        "percentile": {"percentile": parameters.percentile},
    }[method]
    source, path = scratch / "calibrated.onnx", scratch / "ranges.json"
    graph.write(model, source)
    with quiet("calibrate"):
        calibrator = create_calibrator(
            source,
            sorted({*QLinearOpsRegistry, *QDQRegistry}),
            str(scratch / "augmented.onnx"),
            getattr(CalibrationMethod, _METHODS[method]),
            use_external_data_format=source.stat().st_size > graph.LARGEST_FILE,
            extra_options=options,
        )
        calibrator.collect_data(_reader(batches))
        save_tensors_data(calibrator.compute_data(), path)
    return path


def layers(before: ModelProto, after: ModelProto, excluded: frozenset[str]) -> list[Layer]:
    """What became of each weight, read from the file that came out."""
    from onnx import TensorProto

    kinds = {TensorProto.INT8: "int8", TensorProto.UINT8: "uint8", TensorProto.INT32: "int32"}
    found = graph.initializers(after)
    report = []
    for weight in graph.weights(before):
        stored = found.get(f"{weight.name}_quantized")
        if stored is not None and weight.name not in found and stored.data_type in kinds:
            scale = next(found[name] for name in (f"{weight.name}_scale", f"{weight.name}_quantized_scale") if name in found)
            scales = math.prod(scale.dims)
            how = "one scale" if scales == 1 else f"{scales:,} scales"
            report.append(Layer(weight.name, weight.shape, done=f"{kinds[stored.data_type]}, {how}"))
        else:
            report.append(Layer(weight.name, weight.shape, reason=_reason(weight, excluded)))
    return report


def with_facts(layers: Sequence[Layer], before: ModelProto, after: ModelProto) -> list[Layer]:
    """The layers with what their stored integers, scales and zero points decode to, compared with the weights before."""
    originals, found = graph.initializers(before), graph.initializers(after)
    axes = {
        node.input[0]: next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        for node in after.graph.node
        if node.op_type == "DequantizeLinear"
    }
    turned = {weight.name for weight in graph.weights(before) if any(use.op == "Gemm" and use.transposed for use in weight.uses)}
    return [_with_facts(layer, originals, found, axes, layer.name in turned) if layer.done else layer for layer in layers]


def _with_facts(layer: Layer, originals: dict[str, Any], found: dict[str, Any], axes: dict[str, int], turned: bool) -> Layer:
    original = graph.array_of(originals[layer.name])
    stored = graph.array_of(found[f"{layer.name}_quantized"])
    value = _decoded(layer.name, stored, found, axes.get(f"{layer.name}_quantized", stored.ndim - 1))
    bits = 8.0 * stored.itemsize
    fitting = None if value is None else _as_before(value, original, turned)
    return replace(layer, facts={"bits": bits} if fitting is None else facts.found(original, fitting, bits))


def _decoded(name: str, stored: NDArray[Any], found: dict[str, Any], axis: int) -> NDArray[np.float32] | None:
    """(level - zero point) · scale; None where the scales follow no single axis."""
    tensors = [next((found[key] for key in (f"{name}_{what}", f"{name}_quantized_{what}") if key in found), None) for what in _DECODING]
    scale, zero = (np.zeros(1) if tensor is None else graph.array_of(tensor).astype(np.float32).reshape(-1) for tensor in tensors)
    levels = stored.astype(np.float32)
    if max(scale.size, zero.size) == 1:
        return np.asarray((levels - zero) * scale)
    if stored.shape[axis] != scale.size:
        return None
    shape = [-1 if place == axis else 1 for place in range(stored.ndim)]
    if zero.any():
        levels -= zero.reshape(shape if zero.size > 1 else ())
    levels *= scale.reshape(shape)
    return levels


def _as_before(value: NDArray[np.float32], original: NDArray[Any], turned: bool) -> NDArray[np.float32] | None:
    """The decoded weight as it stood before: the dynamic quantizer makes a MatMul of each Gemm, and transposes its weight."""
    if turned and value.ndim == 2 and value.T.shape == original.shape:
        nearer = value.shape != original.shape or np.square(value.T - original).sum() < np.square(value - original).sum()
        value = value.T if nearer else value
    return value if value.shape == original.shape else None


def _reason(weight: graph.Weight, excluded: frozenset[str]) -> str:
    if any(use.node in excluded for use in weight.uses):
        return "excluded"
    if len(weight.shape) < 2:
        return "one dimension: a bias or a scale"
    users = ", ".join(sorted({use.op for use in weight.uses})) or "nothing"
    return f"used by {users}, which this mode leaves alone"


def _reader(batches: list[Batch]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # the library ships no types
        """The batches, one after the other."""

        def __init__(self) -> None:
            self._batches = iter(batches)

        def get_next(self) -> Batch | None:
            return next(self._batches, None)

    return Reader()

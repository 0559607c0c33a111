"""8-bit arithmetic by ONNX Runtime's own quantizer: dynamic and static."""

# ruff: noqa: PLC0415

from __future__ import annotations

import contextlib
import io
import logging
import math
import re
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.compress import graph
from harness.compress.calibration import Batch
from harness.compress.graph import ModelProto
from harness.compress.parameters import QuantizeParameters
from harness.errors import ModelError
from harness.ports.compress import Layer

ENTROPY_BINS = 1024
"""Bins of the histogram from which the entropy method cuts outliers off."""

ENTROPY_LEVELS = 256
"""Levels it merges the bins into: those of 8 bits."""


LONGEST_QUOTE = 300
"""Characters of what the quantizer says that are passed on."""


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
    if model.ByteSize() > graph.LARGEST_FILE:
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", f"{after.name}.data")
    with _quiet("prepare"):
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
    with _quiet("look at the types of"):
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
    with _quiet("quantize dynamically"):
        ort_dynamic(
            str(source),
            str(target),
            per_channel=parameters.per == "channel",
            weight_type=QuantType.QInt8 if parameters.weights == "s8" else QuantType.QUInt8,
            nodes_to_exclude=sorted(excluded | renamed),
            use_external_data_format=model.ByteSize() > graph.LARGEST_FILE,
        )
    return graph.tidy(graph.read(target))


def quantize_static(
    model: ModelProto, parameters: QuantizeParameters, excluded: frozenset[str], batches: list[Batch], scratch: Path
) -> ModelProto:
    """8-bit weights and activations, whose ranges come from the calibration batches."""
    from onnxruntime.quantization import QuantFormat, QuantType
    from onnxruntime.quantization import quantize_static as ort_static

    types = {"s8": QuantType.QInt8, "u8": QuantType.QUInt8}
    source, target = scratch / "source.onnx", scratch / "static.onnx"
    graph.write(model, source)
    with _quiet("quantize statically"):
        method, ranges = _ranges(source, parameters, batches, scratch)
        ort_static(
            str(source),
            str(target),
            None,
            quant_format=QuantFormat.QDQ,
            per_channel=parameters.per == "channel",
            activation_type=types[parameters.activations],
            weight_type=types[parameters.weights],
            calibrate_method=method,
            nodes_to_exclude=sorted(excluded),
            use_external_data_format=model.ByteSize() > graph.LARGEST_FILE,
            calibration_cache_path=str(ranges),
        )
    return graph.tidy(graph.read(target))


def _ranges(source: Path, parameters: QuantizeParameters, batches: list[Batch], scratch: Path) -> tuple[Any, Path]:
    """The method and a file with the range of every activation.

    Found apart from the quantization itself, because `quantize_static` passes no number of bins on, and with its
    defaults (128 bins for 128 levels) the entropy method has nothing to choose from: it would silently be minmax.
    """
    from onnxruntime.quantization import CalibrationMethod
    from onnxruntime.quantization.calibrate import create_calibrator, save_tensors_data
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    method, options = {
        "minmax": (CalibrationMethod.MinMax, {}),
        "entropy": (CalibrationMethod.Entropy, {"num_bins": ENTROPY_BINS, "num_quantized_bins": ENTROPY_LEVELS}),
        "percentile": (CalibrationMethod.Percentile, {"percentile": parameters.percentile}),
    }[parameters.method]
    calibrator = create_calibrator(
        source,
        sorted({*QLinearOpsRegistry, *QDQRegistry}),
        str(scratch / "augmented.onnx"),
        method,
        use_external_data_format=source.stat().st_size > graph.LARGEST_FILE,
        extra_options=options,
    )
    calibrator.collect_data(_reader(batches))
    path = scratch / "ranges.json"
    save_tensors_data(calibrator.compute_data(), path)
    return method, path


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


@contextlib.contextmanager
def _quiet(what: str) -> Iterator[None]:
    """Keep the quantizer's prints and warnings to itself, and turn what it raises into a `ModelError`."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        raise ModelError(f"ONNX Runtime's quantizer could not {what} the model: {type(error).__name__}: {_said(error)}") from error
    finally:
        logging.disable(previous)


def _said(error: BaseException) -> str:
    """The first line of what the quantizer says, in whole words, without advice to use options that no suite can set."""
    line = next(iter(str(error).strip().splitlines()), "no message")
    kept = [sentence for sentence in re.split(r"(?<=\.)\s+", line) if "extra_options" not in sentence]
    return textwrap.shorten(" ".join(kept) or line, LONGEST_QUOTE, placeholder=" …")

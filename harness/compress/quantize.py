"""The technique `quantize`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.compress import graph, integer
from harness.compress.calibration import calibration_batches
from harness.compress.graph import ModelProto
from harness.compress.parameters import QuantizeParameters
from harness.compress.runtime import refusal
from harness.compress.technique import OnnxTechnique
from harness.compress.weights_only import quantize_weights
from harness.errors import ModelError
from harness.ports.compress import Layer, Rows, StepContext, StepReport

_NOTES = {
    "twice": "weight {name} serves several operators that quantize it differently, and is stored once for each",
    "u8s8": "u8 activations with s8 weights: on processors without VNNI sums can saturate, and answers then differ between machines",
    "conv": "dynamic mode quantizes convolutions with one scale per tensor, and runs them slower than in floats on most processors",
    "int2": "the installed ONNX Runtime does not read int2, so the three levels are stored as int4",
}


class Quantize(OnnxTechnique):
    """8-bit arithmetic (dynamic, static) or few-bit storage (weights)."""

    def data(self, parameters: QuantizeParameters) -> tuple[Rows, ...]:
        """The rows of `calibrate:`, for mode static."""
        return (Rows(parameters.calibrate.data, "calibrate", parameters.calibrate.rows),) if parameters.calibrate else ()

    def apply(self, source: Path, target: Path, parameters: QuantizeParameters, context: StepContext) -> StepReport:
        """Write the quantized model; `ModelError` when nothing was quantized, for bad weights, rows or names."""
        model = graph.tidy(graph.read(source))
        graph.refuse_not_finite(model, f"quantize ({parameters.mode})")
        graph.excluded_nodes(model, parameters.exclude)
        if parameters.mode == "weights":
            return _weights(model, source, target, parameters)
        return _integer(model, target, parameters, context)


def _weights(model: ModelProto, source: Path, target: Path, parameters: QuantizeParameters) -> StepReport:
    notes: tuple[str, ...] = ()
    made, layers = quantize_weights(model, parameters)
    _refuse_nothing_done(layers, parameters)
    graph.write(made, target)
    if parameters.bits == 2 and refusal(target):
        made, layers = quantize_weights(graph.tidy(graph.read(source)), parameters, container="INT4")
        graph.write(made, target)
        notes = (_NOTES["int2"],)
    return StepReport(tuple(layers), notes)


def _integer(model: ModelProto, target: Path, parameters: QuantizeParameters, context: StepContext) -> StepReport:
    ready = integer.prepared(model, context.scratch)
    twice = integer.give_own_factors(ready)
    excluded = graph.excluded_nodes(ready, parameters.exclude)
    notes = [_NOTES["twice"].format(name=name) for name in twice]
    if parameters.mode == "static":
        assert parameters.calibrate is not None
        feed = context.feed(parameters.calibrate.data, parameters.calibrate.rows)
        batches = calibration_batches(feed, parameters.calibrate.data, ready)
        made = integer.quantize_static(ready, parameters, excluded, batches, context.scratch)
        if (parameters.activations, parameters.weights) == ("u8", "s8"):
            notes.append(_NOTES["u8s8"])
    else:
        made = integer.quantize_dynamic(ready, parameters, excluded, context.scratch)
        if any(node.op_type == "ConvInteger" for node in made.graph.node):
            notes.append(_NOTES["conv"])
    layers = integer.layers(ready, made, excluded)
    _refuse_nothing_done(layers, parameters)
    graph.write(made, target)
    return StepReport(tuple(layers), tuple(notes))


def _refuse_nothing_done(layers: Sequence[Layer], parameters: QuantizeParameters) -> None:
    """The result must not be the original under another name."""
    if any(layer.done for layer in layers if len(layer.shape) > 1):
        return
    reasons = sorted({f"{layer.name}: {layer.reason}" for layer in layers if len(layer.shape) > 1})[:5]
    why = "; ".join(reasons) or "the model has no weight of two or more dimensions"
    raise ModelError(f"quantize ({parameters.mode}): nothing was quantized, the result would be the original itself ({why})")

"""A model ready to be quantized, as often as someone wants with other nodes left alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from harness.compress import graph, integer, matmul_nbits, weights_only
from harness.compress.calibration import calibration_batches
from harness.compress.decoded import restored
from harness.compress.graph import ModelProto
from harness.compress.parameters import QuantizeParameters, QuantizeStage
from harness.compress.runtime import refusal
from harness.ports.compress import Layer, StepContext

_NOTES = {
    "twice": "weight {name} serves several operators that quantize it differently, and is stored once for each",
    "u16": "u16 activations: ONNX Runtime has next to no integer code for them on processors, so that most layers compute in floats",
    "conv": "dynamic mode quantizes convolutions with one scale per tensor, and runs them slower than in floats on most processors",
    "int2": "the installed ONNX Runtime does not read int2, so the three levels are packed into bytes",
    "int2 columns": "ONNX Runtime multiplies wrongly by int2 whose columns are no multiple of 4, so the levels are packed into bytes",
    "gemm": "{count} Gemm node(s) became MatMul and Add, as only MatMul has few-bit code",
}


@dataclass(frozen=True)
class Made:
    """A quantized model, and what became of each weight."""

    model: ModelProto
    layers: list[Layer]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quantizer:
    """`model` is what is quantized, with nodes under the names that can be excluded.

    quantize:  (names of excluded nodes) → the quantized model; each call starts from `model` anew
    measure:   (layers, quantized model) → the layers with facts found in it
    """

    model: ModelProto
    quantize: Callable[[frozenset[str]], Made]
    measure: Callable[[list[Layer], ModelProto], list[Layer]]


def quantizer(model: ModelProto, parameters: QuantizeParameters, context: StepContext) -> Quantizer:
    """Whatever has to be done but once: optimizing the graph, calibrating. `ModelError` for rows that are missing or bad."""
    if parameters.mode != "weights":
        return _integer(model, parameters, context)
    if parameters.engine == "matmul_nbits":
        return _nbits(model, parameters, context)
    ready = restored(model) if isinstance(parameters, QuantizeStage) and parameters.again else model
    return Quantizer(
        ready,
        partial(_weights, ready, parameters, context),
        lambda layers, made: weights_only.with_facts(layers, ready, made, parameters.width),
    )


def _weights(model: ModelProto, parameters: QuantizeParameters, context: StepContext, excluded: frozenset[str]) -> Made:
    made, layers = weights_only.quantize_weights(_copy(model), parameters, excluded)
    if parameters.width == 2 and any(layer.done and layer.name in _wrongly_multiplied(model) for layer in layers):
        return Made(*weights_only.quantize_weights(_copy(model), parameters, excluded, packed=True), (_NOTES["int2 columns"],))
    if parameters.width == 2 and any(layer.done for layer in layers):
        probe = context.scratch / "int2.onnx"
        graph.write(made, probe)
        if refusal(probe):
            return Made(*weights_only.quantize_weights(_copy(model), parameters, excluded, packed=True), (_NOTES["int2"],))
    return Made(made, layers)


def _wrongly_multiplied(model: ModelProto) -> frozenset[str]:
    """Weights that ONNX Runtime (1.31) multiplies by wrongly when they are int2: it fuses decoding and MatMul into one
    operator, which takes four values to a byte across columns."""
    return frozenset(
        weight.name for weight in graph.weights(model) if weight.shape[-1] % 4 and any(use.op in ("MatMul", "Gemm") for use in weight.uses)
    )


def _integer(model: ModelProto, parameters: QuantizeParameters, context: StepContext) -> Quantizer:
    ready = integer.prepared(model, context.scratch)
    notes = tuple(_NOTES["twice"].format(name=name) for name in integer.give_own_factors(ready))
    work = (
        _static(ready, parameters, context, notes) if parameters.mode == "static" else partial(_dynamic, ready, parameters, context, notes)
    )
    return Quantizer(ready, work, lambda layers, made: integer.with_facts(layers, ready, made))


def _static(
    ready: ModelProto, parameters: QuantizeParameters, context: StepContext, notes: tuple[str, ...]
) -> Callable[[frozenset[str]], Made]:
    assert parameters.calibrate is not None
    rows = parameters.calibrate
    batches = calibration_batches(context.feed(rows.data, rows.rows), rows.data, ready)
    ranges = integer.calibrated(ready, parameters, batches, context.scratch)
    if (parameters.activations, parameters.weights) == ("u8", "s8"):
        notes = (*notes, integer.SATURATES)
    elif parameters.activations == "u16":
        notes = (*notes, _NOTES["u16"])

    def quantize(excluded: frozenset[str]) -> Made:
        made = integer.quantize_static(ready, parameters, excluded, ranges, context.scratch)
        return Made(made, integer.layers(ready, made, excluded), notes)

    return quantize


def _dynamic(
    ready: ModelProto, parameters: QuantizeParameters, context: StepContext, notes: tuple[str, ...], excluded: frozenset[str]
) -> Made:
    made = integer.quantize_dynamic(ready, parameters, excluded, context.scratch)
    slow = any(node.op_type == "ConvInteger" for node in made.graph.node)
    return Made(made, integer.layers(ready, made, excluded), (*notes, _NOTES["conv"]) if slow else notes)


def _nbits(model: ModelProto, parameters: QuantizeParameters, context: StepContext) -> Quantizer:
    ready = _copy(model)
    split = matmul_nbits.split_gemms(ready)
    notes = (_NOTES["gemm"].format(count=split),) if split else ()
    rows = parameters.calibrate
    batches = calibration_batches(context.feed(rows.data, rows.rows), rows.data, ready) if rows else []

    def quantize(excluded: frozenset[str]) -> Made:
        return Made(*matmul_nbits.quantize(_copy(ready), parameters, excluded, batches), notes)

    return Quantizer(ready, quantize, lambda layers, made: matmul_nbits.with_facts(layers, ready, made))


def _copy(model: ModelProto) -> ModelProto:
    made = type(model)()
    made.CopyFrom(model)
    return made

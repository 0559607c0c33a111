"""8-bit quantization of the exported torch graph, with ranges found on rows or trained with the rounding in place.

Imports torch and torchao.

The graph is exported in evaluation mode, so that normalisations are folded into the layers before them, annotated for x86
(u8 activations, s8 weights per channel), and written as ONNX with QuantizeLinear and DequantizeLinear.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from harness.compress import graph, torch_export
from harness.compress.integer import SATURATES
from harness.compress.network import Network
from harness.compress.schedule import FinetuneParameters
from harness.compress.torch_layers import MATRICES, refuse_not_finite
from harness.compress.torch_layers import layers as layers_of
from harness.compress.torch_losses import answer_loss
from harness.compress.torch_pt2e_weights import decoded_weights, owners
from harness.compress.torch_training import gather_lessons, train
from harness.errors import MissingDependencyError, ModelError
from harness.ports.compress import Batch, Layer, StepContext, StepReport

ROUNDING = 0.05
"""Largest difference between torch and ONNX Runtime as a share of the largest answer: both round to 8 bits in ties of their own."""


def quantize(
    network: Network,
    target: Path,
    calibration: Sequence[Batch],
    training: FinetuneParameters | None,
    exclude: tuple[str, ...],
    context: StepContext,
) -> StepReport:
    """Write the quantized network; `training` None finds ranges on `calibration` alone. `ModelError` when nothing was quantized."""
    refuse_not_finite(network.module, "quantize")
    if training is None and not calibration:
        raise ModelError("calibration: the data set gave no rows; mode pt2e needs some, for instance rows: 256")
    layers_of(network.module, MATRICES, exclude)
    originals = {name: value.detach().cpu().float().numpy().copy() for name, value in network.weights()}
    with torch_export.quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepared = _prepared(network, exclude, trained=training is not None)
        for batch in calibration:
            prepared(tuple(network.tensors(batch).values()))
        table = () if training is None else _trained(network, prepared, training, context)
        converted = _library().convert_pt2e(prepared)
    notes = torch_export.write_onnx(network, converted, target, tolerance=ROUNDING, fused=False)
    layers = quantized_layers(network, originals, target, exclude)
    if not any(layer.done for layer in layers):
        raise ModelError(
            "quantize: nothing was quantized, the result would be the original itself; torchao's x86 quantizer knows no layer of it"
        )
    return StepReport(tuple(layers), (*notes, SATURATES), table)


def _prepared(network: Network, exclude: tuple[str, ...], *, trained: bool) -> Any:
    """The exported graph with observers, or with fake quantization that can be trained."""
    library, x86 = _library(), _x86()
    wrapped = torch_export.wrapped_module(network)
    free = torch_export.free_axes(network)
    example = tuple(network.tensors(network.example).values())
    shapes = tuple(dict.fromkeys(free[name], torch.export.Dim.AUTO) for name in network.example)
    try:
        program = torch.export.export(wrapped, (example,), dynamic_shapes={"inputs": shapes})
    except Exception as error:
        raise ModelError(f"{network.source.name}: torch cannot export the model: {torch_export.first_cause(error)}") from error
    quantizer = x86.X86InductorQuantizer()
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config(is_qat=trained))
    for name in exclude:
        quantizer.set_module_name_qconfig(f"module.{name}", None)
    return library.prepare_pt2e(program.module(), quantizer)


def _trained(network: Network, prepared: Any, settings: FinetuneParameters, context: StepContext) -> tuple[Any, ...]:
    """Train the weights with the rounding in place; ranges follow until the end."""
    spec = network.source.output
    if spec is None:
        raise ModelError(f"{network.source.name}: nothing says what its output means, so that it cannot be trained")
    trainee = Network(_Trainable(prepared), network.source, network.rows, network.root)
    lessons = gather_lessons(context, settings.data, settings.rows)
    names = tuple(network.example)

    def loss(inputs: Batch, targets: Any) -> torch.Tensor:
        tensors = network.tensors({name: inputs[name] for name in names})
        return answer_loss(prepared(tuple(tensors.values())), targets, spec)

    return train(trainee, lessons, settings, loss, context)


class _Trainable(torch.nn.Module):
    """An exported graph, which refuses to be switched between training and evaluation: it stays as it was exported."""

    def __init__(self, graph_module: Any) -> None:
        super().__init__()
        self.graph_module = graph_module

    def train(self, mode: bool = True) -> _Trainable:
        """Nothing: the graph holds no layer that behaves differently."""
        return self


def quantized_layers(network: Network, originals: Mapping[str, NDArray[Any]], target: Path, exclude: tuple[str, ...]) -> list[Layer]:
    """What became of each weight of the network: which it is follows from the product that each decoded weight goes into."""
    matrices = {name: value for name, value in originals.items() if value.ndim > 1}
    out = {name for name in matrices if any(name.startswith(f"{each}.") for each in exclude)}
    owned = owners(decoded_weights(graph.read(target)), matrices, out)
    layers = []
    for name, value in network.weights():
        shape = tuple(value.shape)
        if name in owned:
            layers.append(Layer(name, shape, done="8 bits per weight, one scale per channel", facts=owned[name].facts(originals[name])))
        elif len(shape) < 2:
            layers.append(Layer(name, shape, reason="one dimension"))
        else:
            layers.append(Layer(name, shape, reason="excluded" if name in out else "no rule of the quantizer covers where it is used"))
    return layers


def _library() -> Any:
    try:
        from torchao.quantization.pt2e import quantize_pt2e  # noqa: PLC0415  # only this mode needs it
    except ImportError as error:
        raise MissingDependencyError("torchao", "torch", "quantize in the modes pt2e and qat") from error
    return quantize_pt2e


def _x86() -> Any:
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer  # noqa: PLC0415  # see `_library`

    return x86_inductor_quantizer

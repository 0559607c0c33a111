"""Weights stored in few bits, trained while they are rounded. Imports torch.

In every forward pass the weights are those that the file will decode; gradients go to the unrounded ones as if rounding were
not there (the straight-through estimator; Bengio, Léonard and Courville 2013, arXiv:1308.3432). A schedule goes from more bits
to fewer, each stage from the unrounded weights of the one before (Zhuang et al. 2018, arXiv:1711.00205).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils import parametrize

from harness.compress import graph, torch_export
from harness.compress.choice import refuse_nothing_done
from harness.compress.network import Network
from harness.compress.parameters import QuantizeParameters
from harness.compress.quantizer import quantizer
from harness.compress.rounding import restore
from harness.compress.torch_layers import MATRICES, layers, refuse_not_finite
from harness.compress.torch_losses import task_loss
from harness.compress.torch_prune_weights import hold
from harness.compress.torch_training import gather_lessons, train
from harness.compress.weights_only import LARGEST_HALF, rounded
from harness.errors import ModelError
from harness.ports.compress import StepContext, StepReport

_KINDS = (*MATRICES, torch.nn.Embedding)
_CHANNEL, _INNER = 0, 1
"""Axes of the weights of these layers: output channels (an embedding's rows), and that along which products are summed."""


def quantize(network: Network, target: Path, parameters: QuantizeParameters, context: StepContext) -> StepReport:
    """Train the network with its weights rounded, and write it with rounded weights; the network keeps the unrounded ones.

    Weights that are zero stay zero, except in one bit, which has no zero. `ModelError` for a layer that is not there or cannot
    be left out, and when nothing was quantized.
    """
    refuse_not_finite(network.module, "quantize")
    whole = _whole(network.module, parameters.exclude)
    found = layers(network.module, _KINDS, parameters.exclude)
    chosen = {name: layer for name, layer in found.items() if f"{name}.weight" not in whole}
    if not chosen:
        raise ModelError("quantize: the network has no linear, convolutional or embedding layer that is not excluded")
    alone = _served_alone(network.module, chosen)
    table = _trained(network, alone, parameters, context)
    exported = context.scratch / "trained.onnx"
    notes = torch_export.export(network, exported)
    model = graph.tidy(graph.read(exported))
    ready = quantizer(model, parameters, context)
    made = ready.quantize(graph.excluded_nodes(ready.model, _in_graph(network.module, whole, ready.model)))
    refuse_nothing_done(made.layers, "quantize (weights)", "quantized")
    graph.write(made.model, target)
    late = [layer.name for layer in made.layers if layer.done and layer.name.removesuffix(".weight") not in alone]
    notes = (*notes, f"rounded only after the training, being shared or of another kind of layer: {', '.join(late)}") if late else notes
    return StepReport(tuple(ready.measure(made.layers, made.model)), (*notes, *made.notes), table)


def _whole(module: torch.nn.Module, exclude: Iterable[str]) -> set[str]:
    """Names of the weights that stay as they are: what lies in an excluded layer, and whatever shares it, under all its names."""
    named = [(name, value) for name, value in module.named_parameters(remove_duplicate=False) if value.ndim > 1]
    inside = {id(value) for name, value in named if any(name.startswith(f"{each}.") for each in exclude)}
    return {name for name, value in named if id(value) in inside}


def _aliases(module: torch.nn.Module, value: torch.Tensor) -> list[str]:
    """Every name of a weight: a tied one has several."""
    return [name for name, other in module.named_parameters(remove_duplicate=False) if other is value]


def _in_graph(module: torch.nn.Module, whole: set[str], model: graph.ModelProto) -> list[str]:
    """Names of these weights in the graph; `ModelError` for one that has lost its name there, as recurrent layers' do."""
    there = {weight.name for weight in graph.weights(model)}
    for name in sorted(whole):
        if not there.intersection(_aliases(module, module.get_parameter(name))):
            layer = name.rpartition(".")[0]
            raise ModelError(
                f"quantize: {layer!r} cannot be left out here, as the exported graph no longer knows its weights by name; leave out "
                "finetune:, and exclude its nodes of the graph, or leave it in"
            )
    return sorted(whole & there)


def _trained(
    network: Network, alone: Mapping[str, torch.nn.Module], parameters: QuantizeParameters, context: StepContext
) -> tuple[Mapping[str, object], ...]:
    settings = parameters.finetune
    assert settings is not None
    lessons = gather_lessons(context, settings.data, settings.rows)
    with _rounding(alone.values(), parameters):
        return train(network, lessons, settings, task_loss(network), context, after=hold(network))


@contextmanager
def _rounding(alone: Collection[torch.nn.Module], parameters: QuantizeParameters) -> Iterator[None]:
    """Within, the layers compute with rounded weights and learn unrounded ones."""
    for layer in alone:
        parametrize.register_parametrization(layer, "weight", _Rounded(parameters))
    try:
        yield
    finally:
        for layer in alone:
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)


def _served_alone(module: torch.nn.Module, chosen: Mapping[str, torch.nn.Module]) -> dict[str, torch.nn.Module]:
    """Layers whose weight is no one else's: a tied weight would come apart. It is trained as it is, and rounded afterwards."""
    return {name: layer for name, layer in chosen.items() if len(_aliases(module, layer.get_parameter("weight"))) == 1}


class _Rounded(torch.nn.Module):
    """What a weight becomes when it is stored, with the gradient of the weight itself."""

    def __init__(self, parameters: QuantizeParameters) -> None:
        super().__init__()
        self._given = parameters

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """A tensor of the weight's shape."""
        values = weight.detach().numpy()
        if self._given.width == 16:
            stored = np.clip(values, -LARGEST_HALF, LARGEST_HALF).astype(np.float16).astype(values.dtype)
        else:
            stored = restore(rounded(values, _CHANNEL, _INNER, self._given)).astype(values.dtype)
        return weight + (torch.from_numpy(stored) - weight).detach()

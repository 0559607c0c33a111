"""Weights stored in few bits, trained while they are rounded. Imports torch.

In every forward pass the weights are those that the file will decode; gradients go to the unrounded ones as if rounding were
not there (the straight-through estimator; Bengio, Léonard and Courville 2013, arXiv:1308.3432). A schedule goes from more bits
to fewer, each stage from the unrounded weights of the one before (Zhuang et al. 2018, arXiv:1711.00205).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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

    Weights that are zero stay zero. `ModelError` for a layer that is not there, and when nothing was quantized.
    """
    refuse_not_finite(network.module, "quantize")
    chosen = layers(network.module, _KINDS, parameters.exclude)
    if not chosen:
        raise ModelError("quantize: the network has no linear, convolutional or embedding layer that is not excluded")
    table = _trained(network, chosen, parameters, context)
    exported = context.scratch / "trained.onnx"
    notes = torch_export.export(network, exported)
    model = graph.tidy(graph.read(exported))
    ready = quantizer(model, parameters, context)
    made = ready.quantize(graph.excluded_nodes(ready.model, _kept(network, chosen, ready.model)))
    refuse_nothing_done(made.layers, "quantize (weights)", "quantized")
    graph.write(made.model, target)
    return StepReport(tuple(ready.measure(made.layers, made.model)), (*notes, *made.notes), table)


def _kept(network: Network, chosen: Mapping[str, Any], model: graph.ModelProto) -> list[str]:
    """Weights of excluded layers, under the names they have in the graph, which are the network's own."""
    there = {weight.name for weight in graph.weights(model)}
    names = (f"{name}.weight" for name in layers(network.module, _KINDS, ()) if name not in chosen)
    return [name for name in names if name in there]


def _trained(
    network: Network, chosen: Mapping[str, torch.nn.Module], parameters: QuantizeParameters, context: StepContext
) -> tuple[Mapping[str, object], ...]:
    settings = parameters.finetune
    assert settings is not None
    lessons = gather_lessons(context, settings.data, settings.rows)
    with _rounding(chosen, parameters):
        return train(network, lessons, settings, task_loss(network), context, after=hold(network))


@contextmanager
def _rounding(chosen: Mapping[str, torch.nn.Module], parameters: QuantizeParameters) -> Iterator[None]:
    """Within, the layers compute with rounded weights and learn unrounded ones."""
    alone = _served_alone(chosen)
    for layer in alone:
        parametrize.register_parametrization(layer, "weight", _Rounded(parameters))
    try:
        yield
    finally:
        for layer in alone:
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)


def _served_alone(chosen: Mapping[str, torch.nn.Module]) -> list[torch.nn.Module]:
    """Layers whose weight is no one else's: a tied weight would come apart. It is trained as it is, and rounded afterwards."""
    users = [id(layer.weight) for layer in chosen.values()]
    return [layer for layer in chosen.values() if users.count(id(layer.weight)) == 1]


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

"""Weights of a torch network as products of smaller ones. Imports torch.

A linear layer or an embedding becomes two (svd), or a chain of small factors (tucker, cp); a convolution becomes a convolution
to few channels, one between few channels and one back (tucker), or a chain of depthwise ones (cp).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from harness.compress.edits import parent_of
from harness.compress.factorize_parameters import FactorizeParameters
from harness.compress.network import Network
from harness.compress.torch_decompose import cp_parts, linear_parts, tucker_parts
from harness.compress.torch_layers import CONVOLUTIONS, Weighty, layers, left_alone, refuse_not_finite, unknown_layer
from harness.compress.torch_losses import task_loss
from harness.compress.torch_parts import Parts
from harness.compress.torch_tensorize import tensor_parts
from harness.compress.torch_training import gather_lessons, train
from harness.errors import ModelError
from harness.ports.compress import Layer, StepContext, StepReport

_READERS = (torch.nn.MultiheadAttention, torch.nn.TransformerEncoderLayer)
"""Modules that hand the weights of layers inside them to one fused operation, and do not call the layers."""


def factorize(network: Network, parameters: FactorizeParameters, context: StepContext) -> StepReport:
    """Factorize every layer that gets smaller by it; `ModelError` when none does."""
    refuse_not_finite(network.module, "factorize")
    chosen = _chosen(network.module, parameters)
    done: list[Layer] = []
    for name, layer in chosen.items():
        done.append(_factorized(network, name, layer, parameters))
    if not any(layer.done for layer in done):
        reasons = "; ".join(f"{layer.name}: {layer.reason}" for layer in done[:5]) or "it has no such layer"
        raise ModelError(f"factorize ({parameters.method}): no layer became smaller ({reasons}); ask for a lower rank")
    report = StepReport(
        (*done, *left_alone(network.module, _inside(network.module, done), "not a layer that this method works on, or excluded"))
    )
    if parameters.finetune is None:
        return report
    settings = parameters.finetune
    table = train(network, gather_lessons(context, settings.data, settings.rows), settings, task_loss(network), context)
    return StepReport(report.layers, report.notes, table)


def _chosen(module: torch.nn.Module, parameters: FactorizeParameters) -> dict[str, Any]:
    kinds: tuple[type[torch.nn.Module], ...] = (torch.nn.Linear, torch.nn.Embedding)
    if parameters.method != "svd":
        kinds = (*CONVOLUTIONS, *kinds)
    found = layers(module, kinds, parameters.exclude)
    if parameters.only is None:
        return dict(found)
    for name in parameters.only:
        if name not in found:
            raise ModelError(f"only: {unknown_layer(name, found)}")
    return {name: layer for name, layer in found.items() if name in parameters.only}


def _factorized(network: Network, name: str, layer: Weighty, parameters: FactorizeParameters) -> Layer:
    weight = layer.weight.detach()
    shape = tuple(weight.shape)
    if why := _untouchable(network.module, name, layer, parameters):
        return Layer(f"{name}.weight", shape, reason=why)
    parts = _decompose(name, layer, parameters)
    before, after = weight.numel(), parts.numbers
    if after >= before:
        return Layer(f"{name}.weight", shape, reason=f"rank {parts.told} would need {after:,} numbers in place of {before:,}")
    states, sqnr_db = parts.solve()
    network.edit({"edit": "replace", "path": name, "parts": [{"type": part["type"], "kwargs": part["kwargs"]} for part in parts.specs]})
    for made, state in zip(network.module.get_submodule(name).children(), states, strict=True):
        made.load_state_dict(state)
    facts = {"rank": float(parts.rank), "kept": after / before}
    if sqnr_db is not None:
        facts["sqnr_db"] = sqnr_db
    done = f"rank {parts.told}, {after:,} numbers in place of {before:,}"
    return Layer(f"{name}.weight", shape, done=f"{done}, {parts.work}" if parts.work else done, facts=facts)


def _decompose(name: str, layer: Weighty, parameters: FactorizeParameters) -> Parts:
    if isinstance(layer, (torch.nn.Linear, torch.nn.Embedding)):
        return (tensor_parts if parameters.reshapes else linear_parts)(name, layer, parameters)
    return tucker_parts(name, layer, parameters) if parameters.method == "tucker" else cp_parts(name, layer, parameters)


def _untouchable(module: torch.nn.Module, name: str, layer: Weighty, parameters: FactorizeParameters) -> str:
    """Why a layer cannot be replaced, "" when it can."""
    users = [other for other, each in module.named_modules() if getattr(each, "weight", None) is layer.weight]
    if len(users) > 1:
        return f"its weight also serves {', '.join(other for other in users if other != name) or 'another layer'}"
    holder, _ = parent_of(module, name)
    if isinstance(holder, _READERS):
        return f"{type(holder).__name__} reads its weight itself"
    if parameters.method != "svd" and not layer.weight.any():
        return "all its weights are zero"
    if isinstance(layer, torch.nn.Embedding) and layer.max_norm is not None:
        return "its rows are kept at a largest norm"
    if isinstance(layer, CONVOLUTIONS) and layer.groups > 1:
        return "its channels are in groups already"
    if isinstance(layer, CONVOLUTIONS) and layer.padding_mode != "zeros":
        return f"its padding is {layer.padding_mode}"
    return ""


def _inside(module: torch.nn.Module, done: Sequence[Layer]) -> list[str]:
    """Names of the weights that were looked at, and of those that stand in their place."""
    stems = tuple(f"{layer.name.removesuffix('.weight')}." for layer in done)
    return [name for name, _ in module.named_parameters() if name.startswith(stems)]

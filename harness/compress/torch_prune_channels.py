"""Channels of convolutions and linear layers taken away, with everything that depends on them. Imports torch."""

from __future__ import annotations

from typing import Any

import torch

from harness.compress.edits import dependencies
from harness.compress.network import Network
from harness.compress.prune_parameters import PruneStage
from harness.compress.torch_layers import MATRICES, layers
from harness.compress.torch_prune_weights import gradients
from harness.errors import ModelError
from harness.ports.compress import Layer, StepContext, StepReport


def prune_channels(network: Network, stage: PruneStage, context: StepContext) -> StepReport:
    """Every group of channels that hangs together loses the same share; groups that reach the answer are left alone."""
    import torch_pruning  # noqa: PLC0415  # `dependencies` says what to install where it is missing

    example: Any = network.positional(network.example)
    before = {name: tuple(value.shape) for name, value in network.module.named_parameters()}
    answer = network.answer(network.example).shape
    chosen = layers(network.module, MATRICES, stage.exclude)
    final = answering(network.module, dependencies(network.module, example))
    ignored = [layer for name, layer in layers(network.module, MATRICES, ()).items() if name not in chosen or layer in final]
    if stage.by == "gradient":
        gradients(network, stage, context)
    pruner = torch_pruning.pruner.BasePruner(
        network.module,
        dict(example) if isinstance(example, dict) else example,
        importance=_importance(torch_pruning, stage),
        pruning_ratio=1 - (1 - stage.share) / (1 - stage.before),
        global_pruning=stage.scope == "global",
        ignored_layers=ignored,
    )
    pruner.step()
    history = [[name, bool(out), [int(index) for index in indices]] for name, out, indices in pruner.pruning_history()]
    if not history:
        raise ModelError("prune: no channel could be taken away; every layer reaches the answer, is excluded, or is too narrow")
    network.remember({"edit": "prune", "history": history})
    network.module.zero_grad()
    now = network.answer(network.example).shape
    if now != answer:
        raise ModelError(f"prune: the answer has shape {tuple(now)} now and had {tuple(answer)}; exclude the layers that make it")
    return StepReport(
        tuple(_layer(name, before[name], tuple(value.shape)) for name, value in network.module.named_parameters() if value.ndim > 1)
    )


def answering(module: torch.nn.Module, graph: Any) -> set[torch.nn.Module]:
    """Layers whose channels are those of an output of the network."""
    found = set()
    for layer in layers(module, MATRICES, ()).values():
        if layer not in graph.module2node:
            continue
        handler = graph.get_pruner_of_module(layer).prune_out_channels
        group = graph.get_pruning_group(layer, handler, [0])
        # Nothing comes after what the network returns; a last layer that only loses inputs is no such end.
        if any(not dependency.target.outputs and graph.is_out_channel_pruning_fn(dependency.handler) for dependency, _ in group):
            found.add(layer)
    return found


def _importance(library: Any, stage: PruneStage) -> Any:
    if stage.by == "gradient":
        return library.pruner.importance.GroupTaylorImportance()
    return library.pruner.importance.GroupMagnitudeImportance(p=2)


def _layer(name: str, before: tuple[int, ...], now: tuple[int, ...]) -> Layer:
    if before == now:
        return Layer(name, before, reason="its channels reach the answer, hang together with such, or are excluded")
    return Layer(name, before, done=f"now {' × '.join(map(str, now))}", facts={"kept": _size(now) / _size(before)})


def _size(shape: tuple[int, ...]) -> int:
    return int(torch.Size(shape).numel())

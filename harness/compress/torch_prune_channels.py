"""Channels of convolutions and linear layers taken away, with everything that depends on them. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from harness.compress.network import Network
from harness.compress.prune_parameters import PruneStage
from harness.compress.torch_dependencies import dependencies, in_one_piece, tensor_layers, torch_pruning, untouched
from harness.compress.torch_layers import MATRICES, layers
from harness.compress.torch_prune_weights import gradients
from harness.errors import ModelError
from harness.ports.compress import Layer, StepContext, StepReport

_CONVOLUTION = torch.nn.modules.conv._ConvNd  # the base class that torch-pruning goes by
_ROOTS = (_CONVOLUTION, torch.nn.Linear, torch.nn.LSTM)
"""What torch-pruning begins a group of channels with."""


def prune_channels(network: Network, stage: PruneStage, context: StepContext) -> StepReport:
    """Every group of channels that hangs together loses the same share; groups that reach the answer are left alone."""
    library = torch_pruning()
    example: Any = network.positional(network.example)
    before = {name: tuple(value.shape) for name, value in network.module.named_parameters()}
    answer = network.answer(network.example).shape
    chosen = layers(network.module, MATRICES, stage.exclude)
    graph = dependencies(network.module, example)
    final = answering(network.module, graph)
    ignored = [layer for name, layer in layers(network.module, MATRICES, ()).items() if name not in chosen or layer in final]
    ignored += tensor_layers(network.module)
    groups = _groups(network.module, graph, ignored)
    now = {name: graph.get_out_channels(root) for name, (root, _) in groups.items()}
    original = network.begun(now, stage.stage, stage.stages)
    if stage.by == "gradient":
        gradients(network, stage, context)
    with in_one_piece(network.module):
        pruner = library.pruner.BasePruner(
            network.module,
            dict(example) if isinstance(example, dict) else example,
            importance=_importance(library, stage),
            pruning_ratio=_ratio_of_all(groups, now, original, stage),
            pruning_ratio_dict=_ratios(groups, now, original, stage) if stage.scope == "layer" else None,
            global_pruning=stage.scope == "global",
            in_channel_groups={},
            out_channel_groups={},
            ignored_layers=ignored,
            customized_pruners=untouched(library),
        )
    pruner.step()
    history = [[name, bool(out), [int(index) for index in indices]] for name, out, indices in pruner.pruning_history()]
    notes: tuple[str, ...] = ()
    if history:
        network.remember({"edit": "prune", "history": history})
    else:
        why = "prune: no channel could be taken away; every layer reaches the answer, is excluded, or is too narrow for that share"
        notes = (stage.nothing(why, changed_before=any(count < original[name] for name, count in now.items())),)
    network.module.zero_grad()
    made = network.answer(network.example).shape
    if made != answer:
        raise ModelError(f"prune: the answer has shape {tuple(made)} now and had {tuple(answer)}; exclude the layers that make it")
    return StepReport(
        tuple(_layer(name, before[name], tuple(value.shape)) for name, value in network.module.named_parameters() if value.ndim > 1),
        notes,
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


def _groups(module: torch.nn.Module, graph: Any, ignored: list[torch.nn.Module]) -> dict[str, tuple[torch.nn.Module, int]]:
    """Per group of channels that hangs together: its first layer by name, and into how many equal parts its channels fall."""
    names = {layer: name for name, layer in module.named_modules()}
    found = {}
    for group in graph.get_all_groups(ignored_layers=ignored, root_module_types=_ROOTS):
        root = group[0].dep.target.module
        found[names[root]] = root, max(_parts(graph, dependency) for dependency, _ in group)
    return found


def _parts(graph: Any, dependency: Any) -> int:
    layer = dependency.target.module
    pruner = graph.get_pruner_of_module(layer)
    if pruner is None or (isinstance(layer, _CONVOLUTION) and layer.groups == layer.out_channels):
        return 1
    out = graph.is_out_channel_pruning_fn(dependency.handler)
    parts: int = pruner.get_out_channel_groups(layer) if out else pruner.get_in_channel_groups(layer)
    return parts


def _ratios(
    groups: Mapping[str, tuple[torch.nn.Module, int]], now: Mapping[str, int], original: Mapping[str, int], stage: PruneStage
) -> dict[torch.nn.Module, float]:
    """Per group what torch-pruning is to be told, so that as many stay as the share of the original says."""
    return {root: _ratio(now[name] // parts, stage.left(original[name] // parts, parts)) for name, (root, parts) in groups.items()}


def _ratio_of_all(
    groups: Mapping[str, tuple[torch.nn.Module, int]], now: Mapping[str, int], original: Mapping[str, int], stage: PruneStage
) -> float:
    """The same for all groups together. torch-pruning does not count groups of one channel, which cannot lose it."""
    was = {name: original[name] // parts for name, (_, parts) in groups.items() if original[name] > 1}
    have = [now[name] // groups[name][1] for name in was]
    fixed = sum(1 for name in was if now[name] == 1)
    return _ratio(sum(have) - fixed, max(0, stage.left(sum(was.values())) - fixed))


def _ratio(now: int, left: int) -> float:
    """torch-pruning keeps ⌊now · (1 − ratio)⌋; half a channel more than what is to be left makes that `left` exactly."""
    return 1 - (left + 0.5) / now if left < now else 0.0


def _importance(library: Any, stage: PruneStage) -> Any:
    if stage.by == "gradient":
        return library.pruner.importance.GroupTaylorImportance()
    return library.pruner.importance.GroupMagnitudeImportance(p=2)


def _layer(name: str, before: tuple[int, ...], now: tuple[int, ...]) -> Layer:
    if before == now:
        return Layer(name, before, reason="its channels reach the answer, hang together with such, are excluded, or all stay in this stage")
    return Layer(name, before, done=f"now {' × '.join(map(str, now))}", facts={"kept": _size(now) / _size(before)})


def _size(shape: tuple[int, ...]) -> int:
    return int(torch.Size(shape).numel())

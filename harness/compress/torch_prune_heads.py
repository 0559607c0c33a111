"""Attention heads taken away: fewer rows in query, key and value, fewer columns in what follows. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from harness.compress.network import Network
from harness.compress.prune_parameters import PruneStage
from harness.compress.torch_layers import layers
from harness.errors import ModelError
from harness.ports.compress import Layer, StepReport

_PROJECTIONS = (("query", "key", "value"), ("q_proj", "k_proj", "v_proj"), ("q_lin", "k_lin", "v_lin"))
_OUTPUTS = ("output.dense", "dense", "out_proj", "o_proj", "out_lin", "c_proj")
_COUNTS = ("num_attention_heads", "num_heads", "n_heads")
_WIDTHS = ("all_head_size", "embed_dim", "dim")


@dataclass(frozen=True)
class Attention:
    """Names of one attention's parts: `module` holds the projections and the number of heads."""

    module: str
    projections: tuple[str, ...]
    output: str
    heads: int
    counter: str


def prune_heads(network: Network, stage: PruneStage) -> StepReport:
    """Each attention loses the same share of its heads: those whose four projections have the least norm."""
    found = attentions(network.module, stage.exclude)
    if not found:
        raise ModelError(
            "prune heads: no attention with separate projections (query, key, value or q_proj, k_proj, v_proj) was found; "
            "torch.nn.MultiheadAttention ties its heads to its width, so prune channels there"
        )
    before = {name: tuple(value.shape) for name, value in network.module.named_parameters()}
    original = network.begun({attention.module: attention.heads for attention in found}, stage.stage, stage.stages)
    for attention in found:
        _shrink(network, attention, stage.left(original[attention.module]))
    after = dict(network.module.named_parameters())
    changed = [
        Layer(name, shape, done=f"now {' × '.join(map(str, after[name].shape))}", facts={"kept": after[name].numel() / _count(shape)})
        for name, shape in before.items()
        if len(shape) > 1 and tuple(after[name].shape) != shape
    ]
    notes: tuple[str, ...] = ()
    if not changed:
        fewer = any(attention.heads < original[attention.module] for attention in found)
        why = "as many are gone already" if fewer else f"that is less than one of {max(original.values())} heads"
        notes = (stage.nothing(f"prune heads: {stage.share:.0%} were asked for, and {why}", changed_before=fewer),)
    rest = [
        Layer(name, shape, reason="not a projection of an attention that loses heads now")
        for name, shape in before.items()
        if len(shape) > 1
    ]
    return StepReport((*changed, *(layer for layer in rest if layer.name not in {each.name for each in changed})), notes)


def attentions(module: torch.nn.Module, exclude: tuple[str, ...]) -> list[Attention]:
    """Every attention whose parts can be told."""
    linear = layers(module, (torch.nn.Linear,), exclude)
    found = []
    for name, holder in module.named_modules():
        counter = next((attribute for attribute in _COUNTS if isinstance(getattr(holder, attribute, None), int)), None)
        for trio in _PROJECTIONS:
            paths = tuple(f"{name}.{part}" for part in trio)
            output = next((path for path in _after(name) if path in linear), None)
            if counter and output and all(path in linear for path in paths):
                found.append(Attention(name, paths, output, getattr(holder, counter), counter))
    return found


def _after(name: str) -> list[str]:
    """Where the projection that follows may be: in the same module, or beside it."""
    above = name.rpartition(".")[0]
    return [f"{place}.{output}" if place else output for place in (name, above) for output in _OUTPUTS]


def _shrink(network: Network, attention: Attention, left: int) -> None:
    if left >= attention.heads:
        return
    module = network.module
    projections = [module.get_submodule(path) for path in attention.projections]
    output = module.get_submodule(attention.output)
    width = projections[0].get_parameter("weight").shape[0] // attention.heads
    if any(layer.get_parameter("weight").shape[0] != width * attention.heads for layer in projections):
        raise ModelError(f"prune heads: {attention.module} shares keys between heads, which is not supported; exclude it")
    rows = torch.stack([layer.get_parameter("weight").reshape(attention.heads, -1).square().sum(1) for layer in projections])
    columns = output.get_parameter("weight").reshape(-1, attention.heads, width).square().sum((0, 2))
    strength = (rows.sum(0) + columns).detach()
    kept = sorted(int(head) for head in strength.argsort(descending=True, stable=True)[:left])
    where = torch.cat([torch.arange(head * width, (head + 1) * width) for head in kept])
    state = {path: _rows(module.get_submodule(path), where) for path in attention.projections}
    state[attention.output] = _columns(output, where)
    holder = module.get_submodule(attention.module)
    widths = {name: len(where) for name in _WIDTHS if getattr(holder, name, None) == width * attention.heads}
    network.edit(
        {
            "edit": "resize",
            "shapes": {path: list(values["weight"].shape) for path, values in state.items()},
            "set": {attention.module: {attention.counter: left, **widths}},
        }
    )
    for path, values in state.items():
        network.module.get_submodule(path).load_state_dict(values)


def _rows(layer: torch.nn.Module, where: torch.Tensor) -> dict[str, torch.Tensor]:
    return {name: value.detach()[where] for name, value in layer.named_parameters()}


def _columns(layer: torch.nn.Module, where: torch.Tensor) -> dict[str, torch.Tensor]:
    return {name: value.detach()[:, where] if name == "weight" else value.detach() for name, value in layer.named_parameters()}


def _count(shape: tuple[int, ...]) -> int:
    return int(torch.Size(shape).numel())

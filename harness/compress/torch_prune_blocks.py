"""Whole blocks of a list of equal ones taken away: those that change what passes through them least. Imports torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from harness.compress.network import Network
from harness.compress.prune_parameters import PruneStage
from harness.compress.torch_layers import unknown_layer
from harness.errors import ModelError
from harness.ports.compress import Batch, Layer, StepReport

_LISTS = (torch.nn.ModuleList, torch.nn.Sequential)


def prune_blocks(network: Network, stage: PruneStage, batches: Iterable[Batch]) -> StepReport:
    """Keep the blocks that are named, or those of most influence on the rows of `batches`."""
    path = stage.blocks or longest_list(network.module)
    original = network.begun({path: len(list_at(network.module, path))}, stage.stage, stage.stages)
    # The longest list of the first stage may be none of the longest now.
    path = next(iter(original))
    blocks = list_at(network.module, path)
    before = {name: tuple(value.shape) for name, value in network.module.named_parameters() if value.ndim > 1}
    table: tuple[dict[str, object], ...] = ()
    if stage.keep is not None:
        kept = sorted(set(stage.keep))
        if not kept or kept[0] < 0 or kept[-1] >= len(blocks):
            raise ModelError(f"prune blocks: keep names {list(stage.keep)}, and {path!r} has the blocks 0 to {len(blocks) - 1}")
    else:
        left = stage.left(original[path])
        found = influence(network, path, batches)
        kept = sorted(sorted(range(len(blocks)), key=lambda block: (-found[block], block))[:left])
        table = tuple({"block": block, "influence": round(value, 6), "kept": block in kept} for block, value in enumerate(found))
    if len(kept) == len(blocks):
        why = _why_nothing(stage, path, original[path], len(blocks))
        note = stage.nothing(f"prune blocks: {why}", changed_before=len(blocks) < original[path])
        return StepReport(tuple(Layer(name, shape, reason="every block stays") for name, shape in before.items()), (note,), table)
    network.edit({"edit": "keep", "path": path, "kept": kept})
    gone = [block for block in range(len(blocks)) if block not in kept]
    inside = {name: int(name.removeprefix(f"{path}.").partition(".")[0]) for name in before if name.startswith(f"{path}.")}
    layers = [
        Layer(name, shape, done=f"gone with block {inside[name]}", facts={"kept": 0.0})
        if inside.get(name) in gone
        else Layer(name, shape, reason="in a block that stays" if name in inside else f"not in {path}")
        for name, shape in before.items()
    ]
    return StepReport(tuple(layers), (f"{len(kept)} of {len(blocks)} blocks of {path} stay: {', '.join(map(str, kept))}",), table)


def _why_nothing(stage: PruneStage, path: str, original: int, now: int) -> str:
    if stage.keep is not None:
        return f"keep names all {now} blocks of {path}"
    if now < original:
        return f"{now} of {original} blocks of {path} were left already"
    return f"{stage.share:.0%} of {original} blocks is less than one block"


def longest_list(module: torch.nn.Module) -> str:
    """Path of the longest list of blocks of one type; `ModelError` when there is none."""
    found = {
        path: len(blocks)
        for path, blocks in module.named_modules()
        if isinstance(blocks, _LISTS)
        and len(blocks) > 1
        and len({type(block) for block in blocks}) == 1
        and any(True for _ in blocks[0].children())
    }
    if not found:
        raise ModelError("prune blocks: the network has no list of blocks of one type; say which by blocks:, or prune channels")
    longest: str = max(found, key=found.__getitem__)
    return longest


def list_at(module: torch.nn.Module, path: str) -> torch.nn.ModuleList | torch.nn.Sequential:
    """The list of blocks at a path."""
    known = dict(module.named_modules())
    if path not in known:
        raise ModelError(f"blocks: {unknown_layer(path, known)}")
    blocks = known[path]
    if not isinstance(blocks, _LISTS):
        raise ModelError(f"blocks: {path!r} is a {type(blocks).__name__}, not a list of blocks")
    return blocks


def influence(network: Network, path: str, batches: Iterable[Batch]) -> list[float]:
    """Per block 1 − the mean cosine between what goes in and what comes out (Men et al. 2024, arXiv:2403.03853)."""
    blocks = list_at(network.module, path)
    rows = list(batches)
    if not rows:
        raise ModelError("prune blocks: the data set to look at gave no rows; it needs some, for instance 256")
    seen: list[list[tuple[float, int]]] = [[] for _ in blocks]
    with _watched(blocks, seen):
        for batch in rows:
            network.answers(batch)
    return [1 - sum(total for total, _ in entries) / max(1, sum(count for _, count in entries)) for entries in seen]


@contextmanager
def _watched(blocks: torch.nn.ModuleList | torch.nn.Sequential, seen: list[list[tuple[float, int]]]) -> Iterator[None]:
    def watch(number: int) -> Any:
        def hook(_block: torch.nn.Module, given: tuple[Any, ...], named: dict[str, Any], returned: Any) -> None:
            before = next(value for value in (*given, *named.values()) if isinstance(value, torch.Tensor))
            after = returned[0] if isinstance(returned, (tuple, list)) else returned
            if before.shape == after.shape:
                cosine = torch.nn.functional.cosine_similarity(before.double(), after.double(), dim=-1)
                seen[number].append((float(cosine.sum()), cosine.numel()))

        return hook

    handles = [block.register_forward_hook(watch(number), with_kwargs=True) for number, block in enumerate(blocks)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()

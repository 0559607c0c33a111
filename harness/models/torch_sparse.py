"""Linear layers whose weights have the pattern 2:4, run by the sparse products of NVIDIA GPUs (Mishra et al. 2021, arXiv:2104.08378).

PyTorch keeps such a weight as its non-zero half and two bits each for where they stood, and multiplies by it on the tensor
cores of compute capability 8.0 and later. There is nothing like it for processors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from harness.arrays.two_of_four import has_pattern
from harness.errors import ModelError

_CAPABLE = (8, 0)


def sparse_layers(module: torch.nn.Module, device: torch.device) -> int:
    """Convert the linear layers of a module in place; returns how many. `ModelError` when the device cannot, or no layer can."""
    linear = ((layer, "weight") for layer in module.modules() if isinstance(layer, torch.nn.Linear))
    return _converted(linear, device)


def sparse_products(module: Any, device: torch.device) -> int:
    """The same for the linear products of an exported program."""
    return _converted(_weights_of_products(module), device)


def _weights_of_products(module: Any) -> Iterator[tuple[torch.nn.Module, str]]:
    for node in module.graph.nodes:
        if node.op == "call_function" and node.target is torch.ops.aten.linear.default and node.args[1].op == "get_attr":
            path, _, name = node.args[1].target.rpartition(".")
            yield module.get_submodule(path), name


def _converted(places: Iterable[tuple[torch.nn.Module, str]], device: torch.device) -> int:
    _refuse_incapable(device)
    found, reasons = 0, []
    for owner, name in dict.fromkeys(places):
        weight = getattr(owner, name)
        if not has_pattern(weight.detach().float().cpu().numpy()):
            continue
        try:
            sparse = torch.sparse.to_sparse_semi_structured(weight.detach())
        except (RuntimeError, ValueError) as error:  # a type or a shape that the kernels do not take: it stays dense
            reasons.append((str(error).strip().splitlines() or [type(error).__name__])[0][:200])
            continue
        setattr(owner, name, torch.nn.Parameter(sparse, requires_grad=False))
        found += 1
    if not found:
        why = reasons[0] if reasons else "none has two zeros in every four weights; prune it with unit: 2:4 first"
        raise ModelError(f"semi_structured: no linear layer can be run by sparse products ({why})")
    return found


def _refuse_incapable(device: torch.device) -> None:
    needed = "sparse products for the pattern 2:4 exist on NVIDIA GPUs of compute capability 8.0 and later"
    if device.type != "cuda":
        raise ModelError(f"semi_structured: {needed}, and this model runs on {device}; write device: cuda, or leave semi_structured out")
    capability = torch.cuda.get_device_capability(device)
    if capability < _CAPABLE:
        raise ModelError(f"semi_structured: {needed}, and {device} has {'.'.join(map(str, capability))}; leave semi_structured out")

"""The layers of a network that techniques work on, by name. Imports torch."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import torch

from harness.errors import ModelError
from harness.ports.compress import Layer

Weighty = torch.nn.Linear | torch.nn.Conv1d | torch.nn.Conv2d | torch.nn.Conv3d | torch.nn.Embedding
CONVOLUTIONS = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
MATRICES = (torch.nn.Linear, *CONVOLUTIONS)


def layers(module: torch.nn.Module, kinds: tuple[type[torch.nn.Module], ...], exclude: Iterable[str]) -> dict[str, torch.nn.Module]:
    """Layers of these kinds by name, in order, without the excluded ones; a name that is no layer is a `ModelError`."""
    known = dict(module.named_modules())
    left_out = set()
    for name in exclude:
        if name not in known:
            raise ModelError(f"exclude: {unknown_layer(name, known)}")
        left_out.add(name)
    return {
        name: layer
        for name, layer in known.items()
        if isinstance(layer, kinds) and not any(name == out or name.startswith(f"{out}.") for out in left_out)
    }


def unknown_layer(name: str, known: Iterable[str]) -> str:
    """The sentence about a name that no layer has, with the nearest one."""
    names = [each for each in known if each]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    return f"the network has no layer called {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names[:8])}")


def left_alone(module: torch.nn.Module, done: Iterable[str], why: str) -> list[Layer]:
    """Every other weight of two or more dimensions, with the reason."""
    touched = set(done)
    return [
        Layer(name, tuple(value.shape), reason=why)
        for name, value in module.named_parameters()
        if value.ndim > 1 and name not in touched and name.removesuffix(".weight") not in touched
    ]


def refuse_not_finite(module: torch.nn.Module, step: str) -> None:
    """`ModelError` that names the first weight holding NaN or Inf: no technique can keep what is not there."""
    for name, value in module.named_parameters():
        bad = int((~torch.isfinite(value)).sum())
        if bad:
            raise ModelError(f"{step}: weight {name!r} holds {bad} value(s) that are NaN or infinite; repair the original first")

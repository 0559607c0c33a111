"""What a layer is replaced by: layers in order, planned first and filled when they are worth it. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from harness.compress import facts
from harness.compress.edits import part_of

Spec = Mapping[str, Any]
State = Mapping[str, torch.Tensor]
Solved = tuple[tuple[State, ...], float | None]
"""The weights of the parts in order, and how well their product stands for the original (signal-to-noise ratio in decibels)."""


@dataclass(frozen=True)
class Parts:
    """Layers in order.

    specs:   what each is: type and arguments
    rank:    the largest of its ranks
    told:    the ranks in words
    solve:   decomposes the weight; it may take long, so that whoever only wants to know the size need not call it
    work:    what the parts compute per row, in words; "" where it goes with the numbers
    """

    specs: tuple[Spec, ...]
    rank: int
    told: str
    solve: Callable[[], Solved]
    work: str = ""

    @property
    def numbers(self) -> int:
        """How many there are in all parts, biases not counted."""
        with torch.device("meta"):
            made = [part_of(spec) for spec in self.specs]
        return sum(value.numel() for part in made for name, value in part.named_parameters() if name != "bias")


def part(kind: str, **arguments: Any) -> Spec:
    """One layer, as the edit `replace` says it."""
    return {"type": kind, "kwargs": arguments}


def bias_of(layer: torch.nn.Module) -> State:
    """The bias as the last part has it; nothing where there is none."""
    bias = getattr(layer, "bias", None)
    return {"bias": bias.detach()} if isinstance(bias, torch.Tensor) else {}


def as_tensor(array: Any, dtype: torch.dtype) -> torch.Tensor:
    """An array of a decomposition in the type of the weights."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(dtype)


def sqnr_db(weight: torch.Tensor, made: Any) -> float | None:
    """Signal-to-noise ratio of what the parts multiply out to."""
    return facts.signal_to_noise_db(weight.numpy(), np.ascontiguousarray(made))

"""What stands in the place of one layer, and how small it is to be. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.compress import facts
from harness.compress.factorize_parameters import FactorizeParameters
from harness.errors import MissingDependencyError, ModelError

State = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Parts:
    """Layers in order: what each is (type and arguments), its weights, and how well their product stands for the original."""

    specs: tuple[Mapping[str, Any], ...]
    states: tuple[State, ...]
    rank: int
    told: str
    sqnr_db: float | None

    @property
    def numbers(self) -> int:
        """How many numbers the weights are, biases apart."""
        return sum(value.numel() for state in self.states for name, value in state.items() if name != "bias")


def part(kind: str, **arguments: Any) -> Mapping[str, Any]:
    """One layer in plain values, as `edits` makes it."""
    return {"type": kind, "kwargs": arguments}


def chosen_rank(name: str, values: NDArray[np.floating], parameters: FactorizeParameters) -> int:
    """The rank that `rank`, `ratio` or `energy` means for these singular values, largest first."""
    if parameters.energy is None:
        return rank_by_number(name, len(values), parameters)
    squares = np.cumsum(values**2)
    return int(np.searchsorted(squares, parameters.energy * squares[-1] * (1 - 1e-12)) + 1) if squares[-1] > 0 else 1


def rank_by_number(name: str, largest: int, parameters: FactorizeParameters) -> int:
    """The rank that `rank` or `ratio` means where none is above `largest`; `ModelError` where a layer named in `only` cannot have it."""
    if parameters.ratio is not None:
        return max(1, round(parameters.ratio * largest))
    assert parameters.rank is not None
    if parameters.rank > largest and parameters.only is not None:
        raise ModelError(f"factorize: rank {parameters.rank} is more than layer {name!r} can have; its largest is {largest}")
    return min(parameters.rank, largest)


def told(rank: int, parameters: FactorizeParameters) -> str:
    """The rank in words.

    >>> told(12, FactorizeParameters(rank=16))
    '12 (its largest)'
    """
    return f"{rank} (its largest)" if parameters.rank is not None and rank < parameters.rank else str(rank)


def tensor(array: Any, dtype: torch.dtype) -> torch.Tensor:
    """A tensor of its own of an array."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(dtype)


def signal_to_noise(weight: Any, made: Any) -> float | None:
    """In decibels; both are arrays or tensors of one shape."""
    return facts.signal_to_noise_db(np.asarray(weight), np.asarray(made))


def tensorly() -> Any:
    """The library, computing with numpy."""
    try:
        import tensorly as library  # noqa: PLC0415  # only tucker and cp need it
        import tensorly.decomposition  # noqa: PLC0415
        import tensorly.tenalg  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError("tensorly", "torch", "factorizing by tucker or cp") from error
    library.set_backend("numpy")
    return library

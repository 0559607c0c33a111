"""How many of a weight's ranks stay: by number, as a share of the largest, or by the energy that is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.compress.factorize_parameters import FactorizeParameters
from harness.errors import ModelError


def by_number(name: str, largest: Sequence[int], parameters: FactorizeParameters) -> list[int]:
    """The rank of each mode that `rank` or `ratio` means, at most the largest that the mode can have.

    `ModelError` for a rank that no mode of a layer named by `only` can have: somebody who names it expects that rank.
    """
    if parameters.ratio is not None:
        return [max(1, round(parameters.ratio * most)) for most in largest]
    assert parameters.rank is not None
    if parameters.rank > max(largest) and parameters.only is not None:
        raise ModelError(f"factorize: rank {parameters.rank} is more than layer {name!r} can have; {_its_largest(largest)}")
    return [min(parameters.rank, most) for most in largest]


def by_energy(values: NDArray[Any], energy: float) -> int:
    """The fewest singular values, largest first, whose squares make up that share of all squares.

    >>> by_energy(np.array([3.0, 2.0, 1.0]), 13 / 14)
    2
    """
    squares = np.cumsum(np.square(values, dtype=np.float64))
    return int(np.searchsorted(squares, energy * squares[-1] * (1 - 1e-12)) + 1) if squares[-1] > 0 else 1


def told(ranks: Sequence[int], largest: Sequence[int], parameters: FactorizeParameters) -> str:
    """The ranks in words, with what was asked for where a mode cannot have it."""
    words = times(ranks)
    if parameters.rank is not None and parameters.rank > min(largest):
        words += f" ({parameters.rank} was asked, and {_its_largest(largest)})"
    return words


def times(sizes: Sequence[int]) -> str:
    """Sizes of several modes in words.

    >>> times([16, 24])
    '16 × 24'
    """
    return " × ".join(map(str, sizes))


def _its_largest(largest: Sequence[int]) -> str:
    return f"its largest {'is' if len(largest) == 1 else 'are'} {times(largest)}"

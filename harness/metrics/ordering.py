"""Examples in the order of a score, tied ones together, so that weighted ranks are cumulative sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BLOCK = 1 << 22
"""Numbers in one block of weights."""


def dense_ranks(scores: NDArray[np.generic]) -> NDArray[np.int64]:
    """(n,) 0 for the lowest score, equal numbers for equal scores, without gaps."""
    _, ranks = np.unique(scores, return_inverse=True)
    return np.asarray(ranks, dtype=np.int64).reshape(-1)


@dataclass(frozen=True)
class Order:
    """`order` (k,) sorts examples by rank; `starts` (g,) is where each of the g groups of ties begins in it."""

    order: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, ranks: NDArray[np.int64]) -> Order:
        """The ascending order of (k,) ranks; k ≥ 1."""
        order = np.argsort(ranks, kind="stable")
        ordered = ranks[order]
        return cls(order, np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])))

    def sums(self, weights: Floats) -> Floats:
        """(B, g) the weight of each group of ties, from weights (B, k)."""
        return np.add.reduceat(weights[:, self.order], self.starts, axis=1)

    def group_of(self) -> NDArray[np.int64]:
        """(k,) the group of each example."""
        groups = np.zeros(len(self.order), dtype=np.int64)
        groups[self.order] = np.repeat(np.arange(len(self.starts)), np.diff(np.append(self.starts, len(self.order))))
        return groups


def blocks(weights: Floats) -> Iterator[slice]:
    """Slices of the rows of `weights` that are small enough to work on at once."""
    step = max(1, _BLOCK // max(1, weights.shape[1]))
    for start in range(0, len(weights), step):
        yield slice(start, min(start + step, len(weights)))

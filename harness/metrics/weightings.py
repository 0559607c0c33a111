"""What statistics of a whole set have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Weighable(ABC):
    """A `Statistic` that is evaluated by `values` alone; its examples are all different and have no classes unless it says so."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of examples."""

    @abstractmethod
    def values(self, rows: NDArray[np.int64], weights: Floats) -> Floats:
        """See `Statistic.values`."""

    def value(self, weights: Floats | None = None) -> float:
        """See `Statistic.value`."""
        every = np.ones(len(self)) if weights is None else np.asarray(weights, dtype=np.float64)
        return float(self.values(np.arange(len(self)), every[None])[0])

    def cells(self) -> NDArray[np.int64] | None:
        """See `Statistic.cells`."""
        return None

    def class_counts(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64] | None:
        """See `Statistic.class_counts`."""
        return None


def quotient(above: Floats, below: Floats, otherwise: float = np.nan) -> Floats:
    """`above / below` where `below` is positive, `otherwise` elsewhere."""
    found = np.full(np.shape(below), otherwise, dtype=np.float64)
    np.divide(above, below, out=found, where=below > 0)
    return found

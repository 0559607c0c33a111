"""Everything n paired examples may show, with its probability: the exact side of the tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy


@dataclass(frozen=True)
class Tables:
    """All (gained, lost) of n examples; whether the rest is right or wrong does not matter to differences."""

    n: int
    gained: NDArray[np.int64]
    lost: NDArray[np.int64]

    @classmethod
    def of(cls, n: int) -> Tables:
        gained, lost = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
        possible = gained + lost <= n
        return cls(n, gained[possible], lost[possible])

    @property
    def same(self) -> NDArray[np.int64]:
        return self.n - self.gained - self.lost

    def probabilities(self, gain: float, loss: float) -> NDArray[np.float64]:
        ways = gammaln(self.n + 1) - gammaln(self.gained + 1) - gammaln(self.lost + 1) - gammaln(self.same + 1)
        return np.exp(ways + xlogy(self.gained, gain) + xlogy(self.lost, loss) + xlogy(self.same, max(1 - gain - loss, 0.0)))


def paired_cells(n: int) -> tuple[NDArray[np.int64], ...]:
    """All (both right, gained, lost, both wrong) of n examples."""
    a, b, c = np.meshgrid(*[np.arange(n + 1)] * 3, indexing="ij")
    possible = a + b + c <= n
    a, b, c = a[possible], b[possible], c[possible]
    return a, b, c, n - a - b - c


def cell_probabilities(cells: tuple[NDArray[np.int64], ...], shares: tuple[float, ...]) -> NDArray[np.float64]:
    """Multinomial probability of each table."""
    n = sum(int(cell[0]) for cell in cells)
    log = gammaln(n + 1) + sum(xlogy(cell, share) - gammaln(cell + 1) for cell, share in zip(cells, shares, strict=True))
    return np.exp(log)

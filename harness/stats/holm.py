"""Several tests at once, with the chance of any false rejection held.

Holm S. (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 65–70.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.numbers import Floats


@dataclass(frozen=True)
class HolmResult:
    """(k,) which hypotheses are rejected, and the adjusted p-values, both in the order given."""

    rejected: NDArray[np.bool_]
    adjusted: Floats


def holm(p_values: ArrayLike, alpha: float = 0.05) -> HolmResult:
    """Holm's step-down procedure over one family of tests; `ValueError` for a p-value that is not between 0 and 1."""
    p = np.atleast_1d(np.asarray(p_values, dtype=np.float64))
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p-values lie between 0 and 1; leave out of the family what was not tested")
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    stepped = np.minimum(np.maximum.accumulate(factors * p[order]), 1.0) if len(p) else p
    adjusted = np.empty_like(p)
    adjusted[order] = stepped
    return HolmResult(adjusted <= alpha, adjusted)

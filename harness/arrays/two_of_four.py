"""The pattern that sparse products of NVIDIA GPUs take: two of every four weights along the inputs are zero."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def has_pattern(weight: NDArray[np.generic]) -> bool:
    """Whether a matrix (outputs × inputs) has it: at most two of every four that follow each other in a row are not zero.

    >>> has_pattern(np.array([[1, 0, 2, 0], [0, 0, 3, 4]])), has_pattern(np.array([[1, 2, 3, 0]]))
    (True, False)
    """
    if weight.ndim != 2 or weight.shape[1] % 4 or not weight.size:
        return False
    return bool((np.count_nonzero(weight.reshape(-1, 4), axis=1) <= 2).all())

"""A tensor as a sum of outer products (CP decomposition), by tensorly."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from harness.errors import MissingDependencyError

Array = NDArray[np.float64]
_RIDGE = 1e-10
"""Added to the normal equations of a tensor of norm 1, which are singular where fewer terms would do."""


def cp_terms(tensor: Array, rank: int) -> list[Array]:
    """One factor per mode, (size, rank), whose terms have the same norm in every mode.

    By alternating least squares (Kolda and Bader 2009, doi:10.1137/07070111X, section 3.4), which begins with the singular
    vectors of the unfoldings: near the best for that rank, and not always the best.

    >>> first, second = cp_terms(np.outer([3.0, 4.0], [1.0, 0.0]), 1)
    >>> np.allclose(first @ second.T, [[3, 0], [4, 0]])
    True
    """
    norm = float(np.linalg.norm(tensor))
    if norm == 0:
        return [np.zeros((size, rank)) for size in tensor.shape]
    small, turned = _turned(tensor / norm)
    with threadpool_limits(1), warnings.catch_warnings():  # the last bits of a decomposition differ with the number of threads
        warnings.simplefilter("ignore")  # it warns of matrices that are nearly singular on its way, and goes on
        strengths, factors = tensorly().decomposition.parafac(
            small, rank=rank, init="svd", random_state=0, n_iter_max=200, tol=1e-8, l2_reg=_RIDGE
        )
    found = [turned[mode] @ factor if mode in turned else np.asarray(factor) for mode, factor in enumerate(factors)]
    found[0] = found[0] * np.asarray(strengths) * norm
    norms = np.stack([np.linalg.norm(factor, axis=0) for factor in found])
    even = np.prod(norms, axis=0) ** (1 / len(found))
    return [factor * (even / np.where(each > 0, each, 1)) for factor, each in zip(found, norms, strict=True)]


def unfolded(tensor: Array, mode: int) -> Array:
    """A mode's places as rows: (size of the mode, product of the others)."""
    return np.moveaxis(tensor, mode, 0).reshape(tensor.shape[mode], -1)


def tensorly() -> Any:
    """tensorly, computing with numpy."""
    try:
        import tensorly as library  # noqa: PLC0415  # only tucker and cp need it
        import tensorly.decomposition  # noqa: PLC0415
        import tensorly.tenalg  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError("tensorly", "torch", "factorizing by tucker or cp") from error
    library.set_backend("numpy")
    return library


def _turned(tensor: Array) -> tuple[Array, dict[int, Array]]:
    """The tensor with a mode of more places than there can be ranks turned into so many, and the rotation back by mode.

    A rotation changes no distance, so that the terms of the small tensor, turned back, are those of the large one.
    """
    turned = {}
    for mode, size in enumerate(tensor.shape):
        if size > tensor.size // size:
            turned[mode], small = np.linalg.qr(unfolded(tensor, mode))
            others = tensor.shape[:mode] + tensor.shape[mode + 1 :]
            tensor = np.moveaxis(small.reshape(len(small), *others), 0, mode)
    return tensor, turned

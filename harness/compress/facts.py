"""Numbers found in a compressed weight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def signal_to_noise_db(original: NDArray[np.floating], decoded: NDArray[np.floating]) -> float | None:
    """Sum of squares of the original over that of the error, in decibels; None where there is no error or no signal.

    >>> original = np.array([1.0, -2.0, 3.0])
    >>> round(signal_to_noise_db(original, original * 0.9), 3)
    20.0
    """
    signal, noise = _energy(original), _energy(original - decoded)
    return 10 * float(np.log10(signal / noise)) if signal > 0 and noise > 0 else None


def _energy(values: NDArray[np.floating]) -> float:
    """Sum of squares; rows are summed in 32 bits or more, which is right to a few millionths, and the rows in 64."""
    wide = np.asarray(values if values.dtype.itemsize >= 4 else values.astype(np.float32)).reshape(len(values) if values.ndim else 1, -1)
    return float(np.sum(np.einsum("ij,ij->i", wide, wide), dtype=np.float64))


def sparsity(weight: NDArray[np.floating]) -> float:
    """Share of the elements that are exactly zero.

    >>> sparsity(np.array([0.0, 1.0, -0.0, 2.0]))
    0.5
    """
    return 1 - float(np.count_nonzero(weight)) / weight.size


def found(original: NDArray[np.floating], decoded: NDArray[np.floating], bits: float) -> dict[str, float]:
    """Facts of a weight stored in `bits` bits; `sqnr_db` is missing where the decoded weight is the original itself."""
    ratio = signal_to_noise_db(original, decoded)
    facts = {"bits": float(bits), "sparsity": round(sparsity(decoded), 6)}
    return facts if ratio is None else facts | {"sqnr_db": round(ratio, 3)}

"""Handwritten digits, 8 × 8 pixels, from scikit-learn: 1,797 images, two thirds of them kept for testing.

A small set proves little, so the network learns from a third of it. The split is drawn from a hash of the pixels.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
from sklearn.datasets import load_digits

TRAIN_SHARE = 0.34


def test() -> pa.Table:
    """Rows of the test split."""
    return _split(train=False)


def train() -> pa.Table:
    """Rows of the training split."""
    return _split(train=True)


def _split(*, train: bool) -> pa.Table:
    """One row per image, in order of id: id, digit, ink (mean darkness, 0 to 16), image (8, 8)."""
    bunch = load_digits()
    images = bunch.images.astype(np.float32)
    hashes = [hashlib.sha256(image.astype(np.uint8).tobytes()).digest() for image in images]
    learned = np.array([int.from_bytes(value[:8]) / 2**64 < TRAIN_SHARE for value in hashes])
    rows = [row for row in sorted(range(len(images)), key=lambda row: hashes[row]) if learned[row] == train]
    return pa.table(
        {
            "id": [hashes[row].hex()[:16] for row in rows],
            "digit": [str(bunch.target[row]) for row in rows],
            "ink": images[rows].mean(axis=(1, 2)).astype(np.float64),
            "image": pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(images[rows])),
        }
    )

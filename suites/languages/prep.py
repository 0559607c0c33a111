"""What the network reads: the UTF-8 bytes of a phrase."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

LENGTH = 96
"""Bytes read; what is longer is cut (half a per cent of the phrases)."""


def encode(texts: Iterable[str]) -> NDArray[np.int64]:
    """(n, 96) tokens: 1 + byte, then zeros."""
    rows = list(texts)
    tokens = np.zeros((len(rows), LENGTH), np.int64)
    for row, text in zip(tokens, rows, strict=True):
        content = np.frombuffer(str(text).encode()[:LENGTH], np.uint8)
        row[: len(content)] = content.astype(np.int64) + 1
    return tokens

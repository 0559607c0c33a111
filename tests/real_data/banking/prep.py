"""What the network reads: words, pairs of words and pieces of words, each hashed into one of 4,096 buckets."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

BUCKETS = 4096
LENGTH = 192
"""Features read; what is longer is cut (half a per cent of the queries)."""


def encode(texts: Iterable[str]) -> NDArray[np.int64]:
    """(n, 192) features: 1 + bucket, then zeros."""
    rows = list(texts)
    features = np.zeros((len(rows), LENGTH), np.int64)
    for row, text in zip(features, rows, strict=True):
        found = [1 + zlib.crc32(feature.encode()) % BUCKETS for feature in _features(str(text).lower())][:LENGTH]
        row[: len(found)] = found
    return features


def _features(text: str) -> Iterator[str]:
    words = re.findall(r"[a-z0-9']+", text)
    yield from (f"w {word}" for word in words)
    yield from (f"b {one} {other}" for one, other in pairwise(words))
    for word in (f"<{word}>" for word in words):
        yield from (f"c {word[start : start + 4]}" for start in range(max(1, len(word) - 3)))

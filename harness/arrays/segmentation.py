"""Which example belongs to which segment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.core.segment import Segment


@dataclass(frozen=True)
class Segmentation:
    """A disjoint family of segments. `codes` is (n,) int32: index into `segments`, -1 for an example in none."""

    name: str
    segments: tuple[Segment, ...]
    codes: NDArray[np.int32]
    edges: tuple[float, ...] | None = None

    def sizes(self) -> NDArray[np.int64]:
        """(len(segments),) number of examples in each."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.segments)).astype(np.int64)

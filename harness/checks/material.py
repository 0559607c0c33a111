"""Everything a check may look at when it judges one candidate. Checks are pure: they read this and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.arrays.baseline import Baseline
from harness.arrays.footprint import Footprint
from harness.arrays.outputs import Outputs
from harness.arrays.segmentation import Segmentation
from harness.arrays.targets import Targets
from harness.arrays.timing import Latency


@dataclass(frozen=True)
class Examples:
    """The examples of one data set: (n,) ids, true answers, segments, clusters.

    `target_column` is where the true answers stand. `texts(rows)` gives the text of a few rows, and is None when the
    suite says that reports show ids only.
    """

    name: str
    fingerprint: str
    ids: pa.Array
    targets: Targets | None
    segmentations: Mapping[str, Segmentation]
    clusters: NDArray[np.int32] | None = None
    target_column: str | None = None
    texts: Callable[[Sequence[int]], list[str]] | None = None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Material:
    """One candidate beside its original. What was not asked for by `Check.needs`, or does not exist, is None.

    `noise` pairs the original's outputs on the first rows with the same rows answered under another batch size.
    `baseline` is the candidate's own; `originals` keeps the original's outcomes, and may be that of another candidate.
    """

    suite: str
    candidate: str
    examples: Examples
    original: Outputs | None = None
    outputs: Outputs | None = None
    noise: Outputs | None = None
    footprints: tuple[Footprint, Footprint] | None = None
    latency: Latency | None = None
    baseline: Baseline | None = None
    originals: Baseline | None = None
    without_original: bool = False
    original_name: str = "original"
    minimum_sizes: Mapping[str, int] = field(default_factory=dict)

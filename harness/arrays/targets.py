"""What was true of every example of a data set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.core.models import Task


@dataclass(frozen=True)
class Targets:
    """True answers in row order, n examples.

    `values` by task: binary / multiclass (n,) int32 index into `labels`; multilabel (n, classes) bool;
    regression (n,) float64; ranking (n,) float64 relevance with `groups` (n,) int32 query codes;
    tokens (total,) int32 with `offsets` (n + 1,) int64.
    For a binary task `labels` is (negative, positive): index 1 is the positive class.
    """

    task: Task
    values: NDArray[np.generic]
    labels: tuple[str, ...] = ()
    groups: NDArray[np.int32] | None = None
    offsets: NDArray[np.int64] | None = None
    ignore_index: int | None = None

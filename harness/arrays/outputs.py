"""What one model said on every example of a data set."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from harness.core.models import OutputSpec


class RowStatus(IntEnum):
    """How one example fared. Everything but OK counts as a wrong answer of that model."""

    OK = 0
    NOT_FINITE = 1
    RAISED = 2
    CRASHED = 3
    TIMED_OUT = 4
    MISSING = 5


@dataclass(frozen=True)
class Outputs:
    """Answers in row order of the data set, n examples.

    `values` by `spec.type`:
    label: (n,) int32 index into `labels`, -1 for an answer outside them;
    probabilities / logits: (n, classes) floats, column i belongs to `labels[i]`;
    score: (n,) floats (for a binary task: of the positive class, in [0, 1] when `probabilities` were declared for it);
    values: (n,) or (n, k) floats; vector: (n, d) floats.
    For task `tokens`: label codes (total,) or log-probabilities; see `offsets`.

    Rows whose `status` is not OK hold zeros in `values` and must not be read.
    `offsets` (n + 1,) int64 marks the ragged rows of a `tokens` task in `values`, else None.
    `token_log_probs` (total,) float32 is the log-probability of each target token where known, else None.
    """

    spec: OutputSpec
    values: NDArray[np.generic]
    status: NDArray[np.uint8]
    labels: tuple[str, ...] = ()
    offsets: NDArray[np.int64] | None = None
    token_log_probs: NDArray[np.float32] | None = None
    messages: dict[int, str] = field(default_factory=dict)

    @property
    def ok(self) -> NDArray[np.bool_]:
        """(n,) True where the model gave a usable answer."""
        usable: NDArray[np.bool_] = self.status == RowStatus.OK
        return usable

    def __len__(self) -> int:
        return len(self.status)

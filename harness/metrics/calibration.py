"""Whether stated confidence is earned: the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.catalogue import Parameters
from harness.core.models import Task
from harness.metrics.fit import PROBABILITY_FITS, Fits, require
from harness.metrics.metric import MetricInfo
from harness.metrics.probabilities import probability_blocks
from harness.metrics.weightings import Weighable, quotient

Floats = NDArray[np.float64]

_FITS: Fits = {task: types for task, types in PROBABILITY_FITS.items() if task is not Task.MULTILABEL}


class CalibrationParameters(Parameters):
    """How finely confidence is divided."""

    bins: int = Field(default=15, ge=1, le=1000, description="number of bins of equal width on [0, 1]")


@dataclass(frozen=True)
class CalibrationStatistic(Weighable):
    """`bin_of` (n,) below `bins`, `gap` (n,) right (0 or 1) − confidence."""

    bin_of: NDArray[np.int64]
    gap: Floats
    bins: int

    def __len__(self) -> int:
        return len(self.gap)

    def values(self, rows: NDArray[np.int64], weights: Floats) -> Floats:
        """See `Statistic.values`."""
        gaps = np.zeros((len(weights), self.bins))
        bin_of, gap = self.bin_of[rows], self.gap[rows]
        for index in np.unique(bin_of):
            inside = np.flatnonzero(bin_of == index)
            gaps[:, index] = weights[:, inside] @ gap[inside]
        return quotient(np.abs(gaps).sum(axis=1), weights.sum(axis=1))


class CalibrationError:
    """Σ over bins of |share right − mean confidence| × share of examples, for the predicted class (Guo et al. 2017). Lower is better.

    Bins are (low, high] on the confidence of the predicted class. Failed rows have a bin of their own, with full
    confidence and nothing right, so that they cannot balance timid answers.
    """

    def __init__(self, bins: int = 15) -> None:
        self.bins = bins
        self.info = MetricInfo("ece", "lower", bounds=(0.0, 1.0), share=True)

    def prepare(self, outputs: Outputs, targets: Targets) -> CalibrationStatistic:
        """See `WholeMetric.prepare`."""
        require(self.info.name, _FITS, outputs, targets)
        bin_of, gap = np.zeros(len(outputs), dtype=np.int64), np.zeros(len(outputs))
        for rows, block in probability_blocks(outputs, targets):
            predicted = block.argmax(axis=1)
            confidence = block[np.arange(len(block)), predicted]
            bin_of[rows] = np.clip(np.ceil(confidence * self.bins) - 1, 0, self.bins - 1)
            gap[rows] = (predicted == np.asarray(targets.values)[rows]) - confidence
        failed = ~outputs.ok
        return CalibrationStatistic(np.where(failed, self.bins, bin_of), np.where(failed, -1.0, gap), self.bins + 1)

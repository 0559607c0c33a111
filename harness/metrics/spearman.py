"""Spearman's rank correlation between predicted and true numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.metrics.fit import NUMBER_FITS, numbers, require
from harness.metrics.metric import MetricInfo
from harness.metrics.ordering import Order, blocks, dense_ranks
from harness.metrics.weightings import Weighable, quotient

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SpearmanStatistic(Weighable):
    """Dense ranks of predictions and targets, both (n,)."""

    predicted: NDArray[np.int64]
    actual: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.actual)

    def values(self, rows: NDArray[np.int64], weights: Floats) -> Floats:
        """See `Statistic.values`; ranks are those of the weighted sample. NaN where either side is constant."""
        found = np.full(len(weights), np.nan)
        if len(rows) == 0:
            return found
        one, other = Order.of(self.predicted[rows]), Order.of(self.actual[rows])
        for part in blocks(weights):
            block = weights[part]
            x, y = _centred_ranks(one, block), _centred_ranks(other, block)
            scale = np.sqrt((block * x * x).sum(axis=1) * (block * y * y).sum(axis=1))
            found[part] = quotient((block * x * y).sum(axis=1), scale)
        return np.asarray(np.clip(found, -1.0, 1.0))


class Spearman:
    """Pearson's correlation of the ranks (Spearman 1904), tied ones sharing their mean rank. Higher is better.

    A failed row is put at the wrong end: below every prediction when its target is above the median, else above.
    """

    info = MetricInfo("spearman", "higher", bounds=(-1.0, 1.0))

    def prepare(self, outputs: Outputs, targets: Targets) -> SpearmanStatistic:
        """See `WholeMetric.prepare`."""
        require(self.info.name, NUMBER_FITS, outputs, targets)
        actual = np.asarray(targets.values, dtype=np.float64)
        high = actual > np.median(actual) if len(actual) else np.zeros(0, dtype=np.bool_)
        predicted = np.where(outputs.ok, numbers(self.info.name, outputs), np.where(high, -np.inf, np.inf))
        return SpearmanStatistic(dense_ranks(predicted), dense_ranks(actual))


def _centred_ranks(order: Order, weights: Floats) -> Floats:
    """(B, k) mean rank of each example in each weighted sample, less the mean of all ranks."""
    sums = order.sums(weights)
    middle = np.cumsum(sums, axis=1) - sums / 2 - sums.sum(axis=1, keepdims=True) / 2
    return np.asarray(middle[:, order.group_of()])

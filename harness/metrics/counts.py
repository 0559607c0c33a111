"""Statistics made of hits, predictions and true occurrences per class: precision, recall, F1 and their averages.

All three are sums over examples, so that a thousand bootstrap weightings are one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.metrics.weightings import Weighable, quotient

Floats = NDArray[np.float64]

_BLOCK = 1 << 21
"""Numbers in one block of a matrix product."""


class Counts(NamedTuple):
    """Weighted counts per class, each (B, classes): predicted and true; predicted; true."""

    hits: Floats
    predicted: Floats
    actual: Floats


Formula = Callable[[Counts], Floats]
"""(B,) values from the counts, NaN where the metric does not exist."""


@dataclass(frozen=True)
class ClassStatistic(Weighable):
    """A label metric of a binary or multiclass task.

    `truth` (n,) and `predicted` (n,) are class codes below `classes`; a prediction of -1 is a wrong answer of no
    class. It counts as one prediction shared equally by the wrong classes, so that every example makes exactly one
    prediction, precision suffers from it like recall, and in a binary task it is the opposite class.
    """

    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    classes: int
    formula: Formula
    by_class: bool = True

    def __len__(self) -> int:
        return len(self.truth)

    def cells(self) -> NDArray[np.int64]:
        """(n,) target × prediction."""
        return self.truth * (self.classes + 1) + self.predicted + 1

    def value(self, weights: Floats | None = None) -> float:
        """See `Statistic.value`."""
        hit, lost = self.predicted == self.truth, self.predicted < 0
        actual = self._count(self.truth, None, weights)
        hits = self._count(self.truth, hit, weights)
        wrong = self._count(self.truth, lost, weights)
        predicted = self._count(self.predicted, ~lost, weights) + (wrong.sum() - wrong) * self._share
        return float(self.formula(Counts(hits[None], predicted[None], actual[None]))[0])

    def values(self, rows: NDArray[np.int64], weights: Floats) -> Floats:
        """See `Statistic.values`."""
        totals = np.zeros((len(weights), 3 * self.classes))
        step = max(1, _BLOCK // max(1, 3 * self.classes))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            totals += weights[:, part] @ self._indicators(rows[part])
        return self.formula(Counts(*np.split(totals, 3, axis=1)))

    def class_counts(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64] | None:
        """See `Statistic.class_counts`; None for micro averages, which do not look at classes."""
        if not self.by_class:
            return None
        return np.bincount(self.truth if rows is None else self.truth[rows], minlength=self.classes).astype(np.int64)

    @property
    def _share(self) -> float:
        return 1.0 / max(1, self.classes - 1)

    def _count(self, codes: NDArray[np.int64], chosen: NDArray[np.bool_] | None, weights: Floats | None) -> Floats:
        picked = codes if chosen is None else codes[chosen]
        weighing = weights if weights is None or chosen is None else weights[chosen]
        return np.bincount(picked, weights=weighing, minlength=self.classes).astype(np.float64)

    def _indicators(self, rows: NDArray[np.int64]) -> Floats:
        """(rows, 3 × classes) what each row adds to hits, predicted and actual."""
        truth, predicted = self.truth[rows], self.predicted[rows]
        every = np.arange(len(rows))
        table = np.zeros((len(rows), 3, self.classes))
        table[every, 2, truth] = 1.0
        lost = predicted < 0
        table[every[lost], 1, :] = self._share
        table[every[lost], 1, truth[lost]] = 0.0
        table[every[~lost], 1, predicted[~lost]] = 1.0
        table[every, 0, truth] = predicted == truth
        return table.reshape(len(rows), -1)


@dataclass(frozen=True)
class SetStatistic(Weighable):
    """A label metric of a multilabel task; `truth` and `predicted` are (n, classes) bool."""

    truth: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    formula: Formula
    by_class: bool = True

    def cells(self) -> NDArray[np.int64]:
        """(n,) true set × predicted set."""
        packed = np.packbits(np.concatenate([self.truth, self.predicted], axis=1), axis=1)
        whole = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1])))
        _, code = np.unique(whole[:, 0], return_inverse=True)
        return code.reshape(-1).astype(np.int64)

    def __len__(self) -> int:
        return len(self.truth)

    def values(self, rows: NDArray[np.int64], weights: Floats) -> Floats:
        """See `Statistic.values`."""
        classes = self.truth.shape[1]
        totals = np.zeros((len(weights), 3 * classes))
        step = max(1, _BLOCK // max(1, 3 * classes))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            truth, predicted = self.truth[rows[part]], self.predicted[rows[part]]
            totals += weights[:, part] @ np.concatenate([truth & predicted, predicted, truth], axis=1).astype(np.float64)
        return self.formula(Counts(*np.split(totals, 3, axis=1)))

    def class_counts(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64] | None:
        """Number of examples that truly have each label; None for micro averages, which do not look at labels."""
        if not self.by_class:
            return None
        return np.asarray((self.truth if rows is None else self.truth[rows]).sum(axis=0), dtype=np.int64)


def precision(counts: Counts) -> Floats:
    """hits / predicted per class; 0 for a class that is never predicted."""
    return quotient(counts.hits, counts.predicted, otherwise=0.0)


def recall(counts: Counts) -> Floats:
    """hits / actual per class; 0 for a class that is never true (averages leave it out)."""
    return quotient(counts.hits, counts.actual, otherwise=0.0)


def f1(counts: Counts) -> Floats:
    """2 hits / (predicted + actual) per class: the harmonic mean of precision and recall."""
    return quotient(2 * counts.hits, counts.predicted + counts.actual, otherwise=0.0)


def positive(score: Formula) -> Formula:
    """The positive class alone; NaN when it does not occur."""
    return lambda counts: np.where(counts.actual[:, 1] > 0, score(counts)[:, 1], np.nan)


def macro(score: Formula) -> Formula:
    """The mean over the classes that truly occur, whatever the model predicts: so both models are averaged over the same classes."""

    def average(counts: Counts) -> Floats:
        occurs = counts.actual > 0
        return _mean(score(counts), occurs.astype(np.float64))

    return average


def weighted(score: Formula) -> Formula:
    """The mean over classes, weighted by how often each truly occurs."""
    return lambda counts: _mean(score(counts), counts.actual)


def micro(score: Formula) -> Formula:
    """All classes pooled; NaN when nothing is true."""

    def pooled(counts: Counts) -> Floats:
        sums = Counts(*(part.sum(axis=1, keepdims=True) for part in counts))
        return np.where(sums.actual[:, 0] > 0, score(sums)[:, 0], np.nan)

    return pooled


def _mean(values: Floats, weights: Floats) -> Floats:
    return quotient((values * weights).sum(axis=1), weights.sum(axis=1))

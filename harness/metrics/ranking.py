"""How well scores separate a class from the rest: AUROC and average precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.catalogue import Parameters
from harness.core.models import Task
from harness.metrics.fit import PROBABILITY_FITS, Fits, require
from harness.metrics.metric import MetricInfo
from harness.metrics.ordering import Order, blocks, dense_ranks
from harness.metrics.probabilities import class_scores, positive_scores
from harness.metrics.weightings import Weighable, quotient

Floats = NDArray[np.float64]
Curve = Callable[[Floats, Floats], Floats]
"""(B,) from the weight of positives and of negatives (each (B, g)) per group of ties, scores ascending; NaN where undefined."""

_PRECISION_FITS: Fits = {task: types for task, types in PROBABILITY_FITS.items() if task is not Task.MULTICLASS}


class ClassAverageParameters(Parameters):
    """How classes are averaged when there are several."""

    average: Literal["macro", "weighted"] = Field(
        default="macro", description="mean over classes, each against the rest; weighted by how often each occurs. Binary tasks ignore it"
    )


@dataclass(frozen=True)
class SeparationStatistic(Weighable):
    """A curve of one class against the rest; `ranks` (n,) are dense, `positives` (n,) bool."""

    ranks: NDArray[np.int64]
    positives: NDArray[np.bool_]
    curve: Curve

    def __len__(self) -> int:
        return len(self.ranks)

    def values(self, rows: NDArray[np.int64], weights: Floats) -> Floats:
        """See `Statistic.values`."""
        found = np.full(len(weights), np.nan)
        if len(rows) == 0:
            return found
        order, positives = Order.of(self.ranks[rows]), self.positives[rows].astype(np.float64)
        for part in blocks(weights):
            with np.errstate(divide="ignore", invalid="ignore"):
                found[part] = self.curve(order.sums(weights[part] * positives), order.sums(weights[part] * (1 - positives)))
        return found

    def class_counts(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """(negatives, positives)."""
        chosen = self.positives if rows is None else self.positives[rows]
        return np.array([np.count_nonzero(~chosen), np.count_nonzero(chosen)], dtype=np.int64)


@dataclass(frozen=True)
class AurocStatistic(SeparationStatistic):
    """AUROC of a binary task; a `RankStatistic`."""

    def ranking(self) -> Floats:
        """See `RankStatistic.ranking`."""
        return self.ranks.astype(np.float64)

    def positive(self) -> NDArray[np.bool_]:
        """See `RankStatistic.positive`."""
        return self.positives


@dataclass(frozen=True)
class AveragedStatistic(Weighable):
    """The mean of a curve over classes, each against the rest; classes for which it does not exist are left out."""

    classes: tuple[SeparationStatistic, ...]
    weighted: bool

    def __len__(self) -> int:
        return len(self.classes[0])

    def values(self, rows: NDArray[np.int64], weights: Floats) -> Floats:
        """See `Statistic.values`."""
        sums, total = np.zeros(len(weights)), np.zeros(len(weights))
        for one in self.classes:
            found = one.values(rows, weights)
            share = weights @ one.positives[rows].astype(np.float64) if self.weighted else np.ones(len(weights))
            exists = ~np.isnan(found)
            sums[exists] += share[exists] * found[exists]
            total[exists] += share[exists]
        return quotient(sums, total)

    def class_counts(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Number of examples of each class."""
        return np.array([one.class_counts(rows)[1] for one in self.classes], dtype=np.int64)


class SeparationMetric:
    """AUROC or average precision. Higher is better.

    A failed row ranks lowest where it is positive and highest where it is negative: the worst place there is.
    """

    def __init__(self, name: str, curve: Curve, fits: Fits, average: Literal["macro", "weighted"]) -> None:
        self.info = MetricInfo(name, "higher", bounds=(0.0, 1.0), share=True)
        self.curve = curve
        self.fits = fits
        self.average = average

    def prepare(self, outputs: Outputs, targets: Targets) -> SeparationStatistic | AveragedStatistic:
        """See `WholeMetric.prepare`."""
        require(self.info.name, self.fits, outputs, targets)
        if targets.task is Task.BINARY:
            truth = np.asarray(targets.values) == 1
            ranks = dense_ranks(_worst_when_failed(positive_scores(outputs, targets), truth, outputs))
            kind = AurocStatistic if self.curve is area else SeparationStatistic
            return kind(ranks, truth, self.curve)
        scores = class_scores(outputs, targets)
        members = np.asarray(targets.values, dtype=np.bool_) if targets.task is Task.MULTILABEL else None
        classes = []
        for index in range(scores.shape[1]):
            truth = members[:, index] if members is not None else np.asarray(targets.values) == index
            ranks = dense_ranks(_worst_when_failed(scores[:, index], truth, outputs))
            classes.append(SeparationStatistic(ranks, truth, self.curve))
        return AveragedStatistic(tuple(classes), self.average == "weighted")


def area(positives: Floats, negatives: Floats) -> Floats:
    """AUROC: the probability that a positive scores above a negative, ties counting half (Mann & Whitney 1947)."""
    below = np.cumsum(negatives, axis=1) - negatives
    return np.asarray((positives * (below + negatives / 2)).sum(axis=1) / (positives.sum(axis=1) * negatives.sum(axis=1)))


def average_precision(positives: Floats, negatives: Floats) -> Floats:
    """Σ (recall step × precision) from the highest score down, tied scores as one step; NaN without positives."""
    hits = np.cumsum(positives[:, ::-1], axis=1)
    shown = hits + np.cumsum(negatives[:, ::-1], axis=1)
    precision = quotient(hits, shown, otherwise=0.0)
    return np.asarray((positives[:, ::-1] * precision).sum(axis=1) / hits[:, -1])


def auroc(average: Literal["macro", "weighted"] = "macro") -> SeparationMetric:
    """Area under the ROC curve; several classes each against the rest."""
    return SeparationMetric("auroc", area, PROBABILITY_FITS, average)


def averaged_precision(average: Literal["macro", "weighted"] = "macro") -> SeparationMetric:
    """Average precision of the positive class, or of each label."""
    return SeparationMetric("average_precision", average_precision, _PRECISION_FITS, average)


def _worst_when_failed(scores: Floats, truth: NDArray[np.bool_], outputs: Outputs) -> Floats:
    return np.where(outputs.ok, scores, np.where(truth, -np.inf, np.inf))

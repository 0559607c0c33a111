"""What a metric has to offer.

Direction: `higher` means a larger value is better. Rows a model failed on (`Outputs.status` not OK) count as wrong: the
metric gives them its worst possible score, or refuses with `MeasurementError` when it has none (an unbounded metric
without a `cap`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets


@dataclass(frozen=True)
class MetricInfo:
    """Name, direction and unit of a metric.

    `binary`: every example's score is 0 or 1 (right or wrong). `bounds`: the smallest and largest possible score of one
    example (mean metrics) or value (whole-set metrics), None when unbounded. `share`: the value is a proportion, so
    that points (`2pp`) make sense. `cap`: the metric itself clips the scores of an unbounded mean metric to [-cap, cap], and
    `bounds` says what is left of that range; a score at the cap was clipped, or its row failed.
    """

    name: str
    direction: Literal["higher", "lower"]
    binary: bool = False
    bounds: tuple[float, float] | None = None
    share: bool = False
    cap: float | None = None


@runtime_checkable
class MeanMetric(Protocol):
    """The mean of one score per example."""

    info: MetricInfo

    def scores(self, outputs: Outputs, targets: Targets) -> NDArray[np.float64]:
        """(n,) scores in row order; `MeasurementError` when outputs or task do not fit the metric."""


@runtime_checkable
class UnitMetric(Protocol):
    """A mean metric whose unit of evidence is not every row: a query of several rows, or an example that has a score at all.

    The mean, its interval and n are taken over the rows that `units` marks; the other rows repeat a query's score, or
    hold a number without meaning.
    """

    info: MetricInfo

    def units(self, targets: Targets) -> NDArray[np.bool_] | None:
        """(n,) True for the one row that stands for its unit; None when every row does."""


class Reach(NamedTuple):
    """Which of a model's m single answers (errors, labels, tokens) lie at the cap to which the metric cuts them.

    `at_cap` (m,) bool; `example` (m,) which example each belongs to; `weight` (m,) what each counts in the metric. `cap` is in the
    unit of the answers, `what` what they are called. Failed rows are at the cap.
    """

    cap: float
    what: str
    at_cap: NDArray[np.bool_]
    example: NDArray[np.int64]
    weight: NDArray[np.float64]


@runtime_checkable
class CappedMetric(Protocol):
    """A mean metric whose scores are themselves means of capped answers, so that the scores do not show how many reach the cap."""

    info: MetricInfo

    def reach(self, outputs: Outputs, targets: Targets) -> Reach | None:
        """Which answers reach the cap; None when `info.cap` and the scores say it."""


@runtime_checkable
class CappedStatistic(Protocol):
    """A `Statistic` of capped answers."""

    def reach(self) -> Reach | None:
        """Which answers reach the cap; None without a cap."""


@runtime_checkable
class WholeMetric(Protocol):
    """A property of a whole set of examples that is not a mean of per-example scores."""

    info: MetricInfo

    def prepare(self, outputs: Outputs, targets: Targets) -> Statistic:
        """The statistic as a function of how often each example counts; `MeasurementError` when they do not fit."""


class Statistic(Protocol):
    """A whole-set metric of one model's outputs, ready to be evaluated on many weightings of the examples."""

    def cells(self) -> NDArray[np.int64] | None:
        """(n,) code of each example such that examples of equal code are interchangeable; None when none are.

        Label metrics return target × prediction: a bootstrap can then draw cells instead of rows.
        """

    def value(self, weights: NDArray[np.float64] | None = None) -> float:
        """The metric with example i counted `weights[i]` times (None: once); NaN when it does not exist."""

    def values(self, rows: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """(B,) the metric for each row of `weights` (B, k), column j weighing example `rows[j]`; NaN where it does not exist."""

    def class_counts(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64] | None:
        """Number of examples per true class among `rows`, None when the task has no classes."""


@runtime_checkable
class RankStatistic(Statistic, Protocol):
    """A `Statistic` that is the area under a ROC curve, and so can be compared by DeLong's method."""

    def ranking(self) -> NDArray[np.float64]:
        """(n,) scores; failed positives rank lowest, failed negatives highest."""

    def positive(self) -> NDArray[np.bool_]:
        """(n,) whether the example is of the positive class."""


Metric = MeanMetric | WholeMetric
MetricFactory = Any
"""Callable taking the metric's typed parameters and the suite's root folder and returning a Metric."""

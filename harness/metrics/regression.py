"""How far numbers are off: MAE and MSE per example, RMSE and R² of the whole set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.catalogue import Parameters
from harness.errors import MeasurementError
from harness.metrics.fit import NUMBER_FITS, numbers, require
from harness.metrics.metric import MetricInfo, Reach
from harness.metrics.weightings import Weighable, quotient

Floats = NDArray[np.float64]


class CapParameters(Parameters):
    """The worst that one example can do to a mean."""

    cap: float = Field(
        gt=0, allow_inf_nan=False, description="largest absolute error counted, in the target's unit; failed rows are given it"
    )


class OptionalCapParameters(Parameters):
    """The worst that one example can do, where it may be left open."""

    cap: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="largest absolute error counted, in the target's unit; failed rows are given it; without it nothing is ever proven",
    )


class MeanError:
    """The absolute (MAE) or squared (MSE) error of each example, the error counted up to `cap`. Lower is better."""

    def __init__(self, name: str, power: Literal[1, 2], cap: float) -> None:
        self.power = power
        self.cap = cap
        self.info = MetricInfo(name, "lower", bounds=(0.0, cap**power), cap=cap**power)

    def scores(self, outputs: Outputs, targets: Targets) -> Floats:
        """See `MeanMetric.scores`; a failed row costs the cap."""
        return absolute_errors(self.info.name, outputs, targets, self.cap) ** self.power


@dataclass(frozen=True)
class ErrorStatistic(Weighable):
    """RMSE, or R² when `explained`; `squares` (n,) are squared errors, up to `cap`², `target` (n,) true numbers less their mean."""

    squares: Floats
    target: Floats
    explained: bool
    cap: float | None = None

    def __len__(self) -> int:
        return len(self.squares)

    def values(self, rows: NDArray[np.int64], weights: Floats) -> Floats:
        """See `Statistic.values`; R² is NaN where all targets are equal."""
        total, errors = weights.sum(axis=1), weights @ self.squares[rows]
        if not self.explained:
            return np.asarray(np.sqrt(quotient(errors, total)))
        target = self.target[rows]
        squares = weights @ target**2
        spread = squares - quotient((weights @ target) ** 2, total, otherwise=0.0)
        spread[spread <= 1e-12 * squares] = 0.0
        return np.asarray(1 - quotient(errors, spread))

    def reach(self) -> Reach | None:
        """See `CappedStatistic.reach`."""
        if self.cap is None:
            return None
        n = len(self.squares)
        return Reach(self.cap, "errors", np.asarray(self.squares >= self.cap**2 * (1 - 1e-9)), np.arange(n), np.ones(n))


class RootMeanSquare:
    """√ of the mean squared error, in the target's unit. Lower is better."""

    info = MetricInfo("rmse", "lower")

    def __init__(self, cap: float | None = None) -> None:
        self.cap = cap

    def prepare(self, outputs: Outputs, targets: Targets) -> ErrorStatistic:
        """See `WholeMetric.prepare`."""
        return _prepare(self.info.name, outputs, targets, self.cap, explained=False)


class Explained:
    """R²: 1 − squared errors / squared distances of the targets from their mean. 1 is perfect, 0 the mean. Higher is better."""

    info = MetricInfo("r2", "higher")

    def __init__(self, cap: float | None = None) -> None:
        self.cap = cap

    def prepare(self, outputs: Outputs, targets: Targets) -> ErrorStatistic:
        """See `WholeMetric.prepare`."""
        return _prepare(self.info.name, outputs, targets, self.cap, explained=True)


def absolute_errors(metric: str, outputs: Outputs, targets: Targets, cap: float | None) -> Floats:
    """(n,) |prediction − target|, at most `cap`, which failed rows are given; `MeasurementError` when they have none."""
    require(metric, NUMBER_FITS, outputs, targets)
    errors = np.abs(numbers(metric, outputs) - np.asarray(targets.values, dtype=np.float64))
    if cap is not None:
        return np.where(outputs.ok, np.minimum(errors, cap), cap)
    if not outputs.ok.all():
        raise MeasurementError(
            f"the model failed on {int((~outputs.ok).sum()):,} examples and {metric} has no worst value to give them; declare `cap:`, "
            f"the largest absolute error that counts, for instance metric: {{{metric}: {{cap: 10}}}}"
        )
    return np.asarray(errors)


def _prepare(metric: str, outputs: Outputs, targets: Targets, cap: float | None, *, explained: bool) -> ErrorStatistic:
    errors = absolute_errors(metric, outputs, targets, cap)
    target = np.asarray(targets.values, dtype=np.float64)
    centre = float(target.mean()) if len(target) else 0.0
    return ErrorStatistic(errors**2, target - centre, explained, cap)

"""The user's own metric: a `module:function` of the suite's folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.catalogue import Parameters
from harness.catalogue.entrypoints import load_shielded
from harness.errors import MeasurementError, UsageError
from harness.metrics.friendly import Sequence, friendly_predictions, friendly_targets, take
from harness.metrics.metric import Metric, MetricInfo
from harness.metrics.weightings import Weighable

Floats = NDArray[np.float64]


class PythonParameters(Parameters):
    """Where the function is and what its numbers mean."""

    function: str = Field(description="module:function, called with (predictions, targets)")
    direction: Literal["higher", "lower"] = Field(description="which values are better")
    kind: Literal["mean", "whole"] = Field(description="mean: the function returns one score per example; whole: one number")
    bounds: tuple[float, float] | None = Field(default=None, description="smallest and largest possible score (mean) or value (whole)")
    cap: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="for unbounded scores: they are clipped to [-cap, cap]")
    binary: bool = Field(default=False, description="every score is 0 or 1 (right or wrong); only for kind: mean")
    share: bool | None = Field(
        default=None, description="the value is a proportion, so that margins are in pp; default: when bounds are [0, 1]"
    )

    @model_validator(mode="after")
    def _complete(self) -> PythonParameters:
        if self.bounds is not None and not (np.isfinite(self.bounds).all() and self.bounds[0] < self.bounds[1]):
            raise ValueError(f"bounds are two finite numbers, the smaller first; these are {list(self.bounds)}")
        if self.bounds is not None and self.cap is not None:
            raise ValueError("bounds and cap exclude each other: a bounded score needs no cap")
        if self.kind == "whole" and (self.binary or self.cap is not None):
            raise ValueError("binary and cap are about scores of single examples; a whole metric takes bounds alone")
        if self.kind == "mean" and not self.binary and self.bounds is None and self.cap is None:
            raise ValueError("a mean metric needs bounds: [lowest, highest] or cap: the largest size of a score that counts")
        return self

    def info(self) -> MetricInfo:
        """What the harness has to know about it."""
        bounds = (0.0, 1.0) if self.binary else self.bounds
        if self.cap is not None:
            bounds = (-self.cap, self.cap)
        share = bounds == (0.0, 1.0) if self.share is None else self.share
        return MetricInfo(self.function, self.direction, binary=self.binary, bounds=bounds, share=share, cap=self.cap)


class PythonMean:
    """One score per example from the user's function. Failed rows are not shown to it and get the worst bound."""

    def __init__(self, info: MetricInfo, function: Callable[..., Any]) -> None:
        self.info = info
        self.function = function

    def scores(self, outputs: Outputs, targets: Targets) -> Floats:
        """See `MeanMetric.scores`; `MeasurementError` when the function fails or returns anything but finite scores in bounds."""
        assert self.info.bounds is not None
        low, high = self.info.bounds
        rows = np.flatnonzero(outputs.ok)
        found = np.full(len(outputs), low if self.info.direction == "higher" else high)
        if len(rows):
            scores = self._call(
                take(friendly_predictions(outputs, targets), rows), take(friendly_targets(outputs, targets), rows), len(rows)
            )
            found[rows] = self._checked(scores, rows, low, high)
        return found

    def _call(self, predictions: Sequence, targets: Sequence, n: int) -> Floats:
        returned = call(self.info.name, self.function, predictions, targets)
        try:
            scores = np.asarray(returned, dtype=np.float64)
        except (TypeError, ValueError):
            scores = np.zeros(0)
        if scores.shape != (n,):
            shape = np.shape(returned) if isinstance(returned, np.ndarray | list | tuple) else type(returned).__name__
            raise MeasurementError(
                f"the metric {self.info.name} must return one score per example, {n:,} numbers, but returned {shape}; "
                "declare `kind: whole` if it returns one number for the set"
            )
        return scores

    def _checked(self, scores: Floats, rows: NDArray[np.int64], low: float, high: float) -> Floats:
        if self.info.cap is not None:
            scores = np.where(np.isnan(scores), np.nan, np.clip(scores, low, high))
        wrong = ~((scores >= low) & (scores <= high))
        if self.info.binary:
            wrong |= (scores != 0) & (scores != 1)
        if wrong.any():
            first = int(np.argmax(wrong))
            allowed = "0 or 1" if self.info.binary else f"between {low:g} and {high:g}"
            raise MeasurementError(
                f"the metric {self.info.name} must return scores that are {allowed}, but row {int(rows[first])} has {scores[first]:g} "
                f"({int(wrong.sum()):,} such rows); mend the function or its declared bounds"
            )
        return scores


@dataclass(frozen=True)
class PythonStatistic(Weighable):
    """The user's function on repeated rows. `failed` (n,) marks rows that are given `worst` in proportion to their number."""

    name: str
    function: Callable[..., Any]
    predictions: Sequence = field(repr=False)
    targets: Sequence = field(repr=False)
    failed: NDArray[np.bool_]
    worst: float

    def __len__(self) -> int:
        return len(self.failed)

    def values(self, rows: NDArray[np.int64], weights: Floats) -> Floats:
        """See `Statistic.values`; one call of the function per row of `weights`, which are whole numbers of repetitions."""
        repeats = np.rint(weights).astype(np.int64)
        if not np.array_equal(repeats, weights):
            raise MeasurementError(f"the metric {self.name} can only count examples a whole number of times")
        return np.array([self._once(np.repeat(rows, times)) for times in repeats], dtype=np.float64)

    def _once(self, rows: NDArray[np.int64]) -> float:
        lost = self.failed[rows]
        left = rows[~lost]
        if len(left) == 0:
            return self.worst if len(rows) else float("nan")
        returned = call(self.name, self.function, take(self.predictions, left), take(self.targets, left))
        try:
            value = float(returned)
        except (TypeError, ValueError):
            raise MeasurementError(
                f"the metric {self.name} must return one number for the set, but returned {type(returned).__name__}; "
                "declare `kind: mean` if it returns one score per example"
            ) from None
        share = float(lost.mean())
        return value if share == 0 else (1 - share) * value + share * self.worst


class PythonWhole:
    """One number for the set from the user's function. Failed rows pull it towards the worst bound in proportion to their share."""

    def __init__(self, info: MetricInfo, function: Callable[..., Any]) -> None:
        self.info = info
        self.function = function

    def prepare(self, outputs: Outputs, targets: Targets) -> PythonStatistic:
        """See `WholeMetric.prepare`; `MeasurementError` when rows failed and no bounds are declared."""
        failed = ~outputs.ok
        if failed.any() and self.info.bounds is None:
            raise MeasurementError(
                f"the model failed on {int(failed.sum()):,} examples and {self.info.name} has no worst value; declare its `bounds:`"
            )
        worst = float("nan") if self.info.bounds is None else self.info.bounds[0 if self.info.direction == "higher" else 1]
        predictions, true = friendly_predictions(outputs, targets), friendly_targets(outputs, targets)
        return PythonStatistic(self.info.name, self.function, predictions, true, failed, worst)


def python_metric(parameters: PythonParameters, root: Path) -> Metric:
    """The metric `parameters` describe; `UsageError` when the function cannot be loaded or is not callable."""
    function = load_shielded(parameters.function, root)
    if not callable(function):
        raise UsageError(
            f"{parameters.function!r} is not a function but {type(function).__name__}; name a function of (predictions, targets)"
        )
    kind = PythonMean if parameters.kind == "mean" else PythonWhole
    return kind(parameters.info(), function)


def call(name: str, function: Callable[..., Any], predictions: Sequence, targets: Sequence) -> Any:
    """Call the user's function; whatever it raises becomes a `MeasurementError`."""
    try:
        return function(predictions, targets)
    except (Exception, SystemExit) as error:
        raise MeasurementError(f"the metric {name} raised {type(error).__name__}: {' '.join(str(error).split())}") from error

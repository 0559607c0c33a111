"""Whether a metric, the declared task and the declared output type go together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.core.models import OutputType, Task
from harness.errors import MeasurementError

Fits = Mapping[Task, tuple[OutputType, ...]]
"""Output types a metric can be computed from, per task it is meant for."""

_MATRIX = (OutputType.PROBABILITIES, OutputType.LOGITS)

CLASS_FITS: Fits = {
    Task.BINARY: (OutputType.LABEL, *_MATRIX, OutputType.SCORE),
    Task.MULTICLASS: (OutputType.LABEL, *_MATRIX),
    Task.MULTILABEL: (OutputType.LABEL, *_MATRIX),
}
"""A decided class (or set of classes) per example."""

PROBABILITY_FITS: Fits = {Task.BINARY: (*_MATRIX, OutputType.SCORE), Task.MULTICLASS: _MATRIX, Task.MULTILABEL: _MATRIX}
"""A probability per class."""

NUMBER_FITS: Fits = {Task.REGRESSION: (OutputType.VALUES, OutputType.SCORE)}
"""A number per example."""


def require(metric: str, fits: Fits, outputs: Outputs, targets: Targets) -> None:
    """`MeasurementError` with one sentence when `metric` cannot be computed from such outputs for such a task."""
    task, declared = targets.task, outputs.spec.type
    if task not in fits:
        raise MeasurementError(
            f"{metric} is for {_list(fits, 'and')} tasks, but the suite declares the task {task}; choose a metric for {task} tasks"
        )
    if outputs.spec.task is not task:
        raise MeasurementError(
            f"the model's output is declared for the task {outputs.spec.task}, but the data's targets are for {task}; declare the same task"
        )
    if declared not in fits[task]:
        raise MeasurementError(
            f"{metric} needs outputs of type {_list(fits[task], 'or')} for a {task} task, but the suite declares type {declared}; "
            f"give the model's {fits[task][0]}, or choose a metric for {declared} outputs"
        )
    if len(outputs) != examples(targets):
        raise MeasurementError(
            f"{metric} needs an answer per example, but there are {len(outputs):,} for {examples(targets):,} examples; gather again"
        )


def examples(targets: Targets) -> int:
    """Number of examples."""
    return len(targets.offsets) - 1 if targets.offsets is not None else len(targets.values)


def numbers(metric: str, outputs: Outputs) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(n,) float64 from outputs of shape (n,) or (n, 1); `MeasurementError` for any other shape."""
    values = outputs.values
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise MeasurementError(
            f"{metric} needs one number per example, but the model's output has the shape {shape_text(values.shape)}; "
            "declare the output that holds one number"
        )
    return np.asarray(values, dtype=np.float64)


def shape_text(shape: tuple[int, ...]) -> str:
    """`(n, 3)`: the shape of one row after the number of examples."""
    return f"({', '.join(['n', *map(str, shape[1:])])})" if len(shape) > 1 else "(n,)"


def _list(names: Mapping[Task, object] | tuple[OutputType, ...], word: str) -> str:
    *most, last = [str(name) for name in names]
    return f"{', '.join(most)} {word} {last}" if most else last

"""Predictions and targets as a user's own metric function gets them.

=============  ============================  =====================================================  =========================
task           output type                   predictions                                            targets
=============  ============================  =====================================================  =========================
binary,        label                         (n,) label names, "" for an answer outside the labels  (n,) label names
multiclass
binary         probabilities, logits, score  (n,) probability, log-odds or score of the positive    (n,) 0 or 1
multiclass     probabilities, logits         (n, classes), columns in the order of the data's       (n,) column of the truth
                                             labels
multilabel     any                           (n, classes) bool                                      (n, classes) bool
regression     values, score, vector         (n,) or (n, k) as the model gave them                  (n,) numbers
ranking        values, score                 (n,) numbers                                           (n,) relevances
tokens         any                           list of n arrays, one row per token                    list of n arrays of codes
=============  ============================  =====================================================  =========================
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.core.models import OutputType, Task
from harness.errors import MeasurementError
from harness.metrics.fit import examples
from harness.metrics.labels import alignment, class_columns, own_labels, positive_column, predicted_sets

Sequence = NDArray[Any] | list[NDArray[Any]]


def friendly_predictions(outputs: Outputs, targets: Targets) -> Sequence:
    """The model's answers in the form of the table above; rows that failed hold nothing meaningful."""
    if len(outputs) != examples(targets) or outputs.spec.task is not targets.task:
        raise MeasurementError(
            f"the model's {len(outputs):,} answers to a {outputs.spec.task} task do not belong to {examples(targets):,} targets of a "
            f"{targets.task} task; gather again"
        )
    if targets.task is Task.TOKENS:
        return _ragged(outputs.values, outputs.offsets)
    if targets.task is Task.MULTILABEL:
        return predicted_sets(outputs, targets)[1]
    if targets.task not in (Task.BINARY, Task.MULTICLASS):
        values = np.asarray(outputs.values)
        return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if outputs.spec.type is OutputType.LABEL:
        return _names(outputs.values, own_labels(outputs) or targets.labels)
    if targets.task is Task.BINARY:
        return positive_column(outputs, targets).astype(np.float64)
    return _in_order(outputs, targets)


def friendly_targets(outputs: Outputs, targets: Targets) -> Sequence:
    """The truth in the form of the table above."""
    if targets.task is Task.TOKENS:
        return _ragged(targets.values, targets.offsets)
    if targets.task in (Task.BINARY, Task.MULTICLASS) and outputs.spec.type is OutputType.LABEL:
        return _names(targets.values, targets.labels)
    return np.asarray(targets.values)


def take(values: Sequence, rows: NDArray[np.int64]) -> Sequence:
    """The chosen rows, repeated as they are repeated in `rows`."""
    return [values[row] for row in rows] if isinstance(values, list) else values[rows]


def _names(codes: NDArray[np.generic], labels: tuple[str, ...]) -> NDArray[Any]:
    integers = np.asarray(codes, dtype=np.int64)
    inside = (integers >= 0) & (integers < len(labels))
    return np.array([*labels, ""])[np.where(inside, integers, len(labels))]


def _in_order(outputs: Outputs, targets: Targets) -> NDArray[Any]:
    """Columns in the order of the data's labels; a class the model does not know gets probability 0 or the logit -inf."""
    columns, known = class_columns(outputs, targets), alignment(outputs, targets)
    placed = np.full(
        (len(columns), len(targets.labels) or columns.shape[1]), 0.0 if outputs.spec.type is OutputType.PROBABILITIES else -np.inf
    )
    placed[:, known[known >= 0]] = columns[:, known >= 0]
    return placed


def _ragged(values: NDArray[np.generic], offsets: NDArray[np.int64] | None) -> list[NDArray[Any]]:
    if offsets is None:
        raise MeasurementError("a tokens task needs several answers and targets per example, and here there is one; declare another task")
    return list(np.split(values, offsets[1:-1]))

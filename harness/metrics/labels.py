"""From outputs to decided classes, coded as the targets are.

A model may list its labels in another order than the data: they are matched by name. A label that the data does not know
is a wrong answer, not an error.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.core.models import OutputType, Task
from harness.errors import MeasurementError
from harness.metrics.fit import shape_text

WRONG = -1
"""Code of an answer that is wrong whatever the target: a failed row, or a label the data does not know."""


def own_labels(outputs: Outputs) -> tuple[str, ...]:
    """The labels by which the model's output is indexed, () when none were declared."""
    return outputs.labels or outputs.spec.labels


def class_count(targets: Targets) -> int:
    """Number of classes; without declared labels, one more than the largest true code."""
    return len(targets.labels) or int(np.max(targets.values, initial=-1)) + 1


def alignment(outputs: Outputs, targets: Targets) -> NDArray[np.int64]:
    """(labels of the model,) the index of each among `targets.labels`, `WRONG` for a label that is not there.

    Without labels on either side both are taken to be in the same order. Raises `MeasurementError` when a label is
    listed twice.
    """
    own = own_labels(outputs)
    if not own or not targets.labels:
        return np.arange(len(own) or class_count(targets))
    if len(set(own)) < len(own):
        twice = next(label for label in own if own.count(label) > 1)
        raise MeasurementError(f"the model's labels list {twice!r} twice; every class needs a name of its own")
    known = {label: index for index, label in enumerate(targets.labels)}
    return np.array([known.get(label, WRONG) for label in own], dtype=np.int64)


def predicted_codes(outputs: Outputs, targets: Targets) -> NDArray[np.int64]:
    """(n,) predicted class as an index into `targets.labels`, `WRONG` for failed rows and unknown labels.

    Binary: positive when the probability (or the score) is at least `spec.threshold`; two columns at the threshold 0.5,
    and all multiclass outputs, by argmax, ties to the lowest index.
    """
    if outputs.spec.type is OutputType.LABEL:
        codes = _known(outputs.values, alignment(outputs, targets))
    elif targets.task is Task.BINARY and not _by_argmax(outputs):
        codes = decided_positive(outputs, targets).astype(np.int64)
    else:
        matrix = class_columns(outputs, targets)
        codes = alignment(outputs, targets)[np.argmax(matrix, axis=1)]
    return np.where(outputs.ok, codes, WRONG)


def decided_positive(outputs: Outputs, targets: Targets) -> NDArray[np.bool_]:
    """(n,) whether a binary output is at or above `spec.threshold`, compared at the precision of the output."""
    threshold = outputs.spec.threshold
    if outputs.spec.type is OutputType.LOGITS:
        threshold = log_odds(threshold)
    return np.asarray(positive_column(outputs, targets) >= threshold)


def log_odds(probability: float) -> float:
    """ln(p / (1 − p)); ±inf at 0 and 1."""
    if probability <= 0 or probability >= 1:
        return -math.inf if probability <= 0 else math.inf
    return math.log(probability / (1 - probability))


def positive_column(outputs: Outputs, targets: Targets) -> NDArray[np.floating]:
    """(n,) a binary output's probability, score or log-odds of the positive class, at the output's own precision.

    (n,) and (n, 1) outputs are about the positive class; of (n, 2) outputs it is the column of that name, for logits
    minus the other. `MeasurementError` for any other shape, or when the positive class is not among the labels.
    """
    values = np.asarray(outputs.values)
    if values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1):
        return _floating(values.reshape(-1))
    if values.ndim != 2 or values.shape[1] != 2 or outputs.spec.type is OutputType.SCORE:
        raise MeasurementError(
            f"a binary task needs {outputs.spec.type} of shape (n,), (n, 1) or (n, 2), but the model's output has the shape "
            f"{shape_text(values.shape)}; check the output's name and task"
        )
    columns = alignment(outputs, targets)
    if len(columns) != 2 or 1 not in columns:
        raise MeasurementError(
            f"the positive class {targets.labels[1]!r} is not one of the model's two labels {list(own_labels(outputs))}; "
            "correct `labels:` of the output"
        )
    positive = int(np.flatnonzero(columns == 1)[0])
    values = _floating(values)
    if outputs.spec.type is OutputType.LOGITS:
        return np.asarray(values[:, positive] - values[:, 1 - positive])
    return np.asarray(values[:, positive])


def class_columns(outputs: Outputs, targets: Targets) -> NDArray[np.floating]:
    """(n, classes) probabilities or logits as the model gave them; `MeasurementError` when the columns are not its classes."""
    values = np.asarray(outputs.values)
    expected = len(alignment(outputs, targets))
    if values.ndim != 2 or values.shape[1] != expected:
        raise MeasurementError(
            f"a {targets.task} task with {expected} classes needs {outputs.spec.type} of shape (n, {expected}), but the model's output "
            f"has the shape {shape_text(values.shape)}; check the output's name and `labels:`"
        )
    return _floating(values)


def predicted_sets(outputs: Outputs, targets: Targets) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(truth, predicted) of a multilabel task, both (n, classes).

    Labels that only the model knows are appended as classes that are never true. A failed row is wrong about every label.
    """
    columns = class_columns(outputs, targets)
    if outputs.spec.type is OutputType.LABEL:
        chosen = columns != 0
    else:
        threshold = outputs.spec.threshold
        chosen = columns >= (log_odds(threshold) if outputs.spec.type is OutputType.LOGITS else threshold)
    true = np.asarray(targets.values, dtype=np.bool_)
    position, width = positions(alignment(outputs, targets), true.shape[1])
    truth = np.zeros((len(true), width), dtype=np.bool_)
    truth[:, : true.shape[1]] = true
    predicted = np.zeros_like(truth)
    predicted[:, position] = chosen
    failed = ~outputs.ok
    predicted[failed] = ~truth[failed]
    return truth, predicted


def positions(columns: NDArray[np.int64], classes: int) -> tuple[NDArray[np.int64], int]:
    """Where each of the model's columns goes, and how many there are, when unknown labels follow the known `classes`."""
    unknown = columns == WRONG
    placed = columns.copy()
    placed[unknown] = classes + np.arange(int(unknown.sum()))
    return placed, classes + int(unknown.sum())


def _by_argmax(outputs: Outputs) -> bool:
    two_columns = outputs.values.ndim == 2 and outputs.values.shape[1] == 2
    return two_columns and outputs.spec.threshold == 0.5 and outputs.spec.type is not OutputType.SCORE


def _known(codes: NDArray[np.generic], table: NDArray[np.int64]) -> NDArray[np.int64]:
    integers = np.asarray(codes, dtype=np.int64)
    inside = (integers >= 0) & (integers < len(table))
    return np.where(inside, np.append(table, WRONG)[np.where(inside, integers, len(table))], WRONG)


def _floating(values: NDArray[np.generic]) -> NDArray[np.floating]:
    return values if values.dtype.kind == "f" else values.astype(np.float64)  # type: ignore[return-value]  # checked by dtype.kind

"""From outputs to probabilities and scores to rank by, in float64."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.core.models import OutputType, Task
from harness.errors import MeasurementError
from harness.metrics.labels import alignment, class_columns, positions, positive_column

Floats = NDArray[np.float64]

BLOCK = 1 << 21
"""Numbers converted at a time, so that judging a million rows does not need the memory for a second copy of the outputs."""

_SLACK = 1e-3
"""How far probabilities may leave [0, 1], and their sum may miss 1, before anybody has to care."""


def positive_scores(outputs: Outputs, targets: Targets) -> Floats:
    """(n,) a binary output as a score that rises with the positive class: probability, score, or log-odds (which do not saturate)."""
    return positive_column(outputs, targets).astype(np.float64)


def positive_probabilities(outputs: Outputs, targets: Targets) -> Floats:
    """(n,) probability of the positive class; logits through the logistic function.

    `MeasurementError` when declared probabilities (or a score used as one) lie outside [0, 1].
    """
    values = positive_scores(outputs, targets)
    if outputs.spec.type is OutputType.LOGITS:
        return sigmoid(values)
    _require_within_one(values[outputs.ok], outputs)
    return np.clip(values, 0.0, 1.0)


def probability_blocks(outputs: Outputs, targets: Targets) -> Iterator[tuple[slice, Floats]]:
    """(rows, probabilities) block by block; columns are `targets.labels`, then labels only the model knows.

    Multiclass: rows are normalised when their sum is off by more than 0.001 (as that of a quantized softmax often is);
    logits go through softmax.
    Multilabel: each column for itself, logits through the logistic function. Binary: (rows, 2).
    """
    if targets.task is Task.BINARY:
        positive = positive_probabilities(outputs, targets)
        yield slice(0, len(positive)), np.column_stack([1 - positive, positive])
        return
    columns = class_columns(outputs, targets)
    position, width = positions(alignment(outputs, targets), _classes(targets))
    step = max(1, BLOCK // max(1, width))
    for start in range(0, len(columns), step):
        rows = slice(start, min(start + step, len(columns)))
        placed = np.zeros((rows.stop - rows.start, width))
        placed[:, position] = _to_probabilities(columns[rows].astype(np.float64), outputs, targets, rows)
        yield rows, placed


def probabilities(outputs: Outputs, targets: Targets) -> Floats:
    """(n, classes) all of `probability_blocks` at once."""
    return np.concatenate([block for _, block in probability_blocks(outputs, targets)] or [np.zeros((0, _classes(targets)))])


def class_scores(outputs: Outputs, targets: Targets) -> Floats:
    """(n, classes) a score per class of `targets.labels` that rises with its probability, comparable between rows.

    Probabilities stay as they are. Logits of a multiclass task become log-odds of each class against all others: the
    order of the softmax probabilities without their saturation at 1. A class the model does not know scores below all others.
    """
    columns, placed = class_columns(outputs, targets), alignment(outputs, targets)
    scores = np.full((len(columns), _classes(targets)), -np.inf)
    step = max(1, BLOCK // max(1, columns.shape[1]))
    for start in range(0, len(columns), step):
        rows = slice(start, min(start + step, len(columns)))
        block = columns[rows].astype(np.float64)
        if outputs.spec.type is OutputType.PROBABILITIES:
            _require_within_one(block[outputs.ok[rows]], outputs)
        elif targets.task is Task.MULTICLASS:
            block = _log_odds_of_classes(block)
        scores[rows, placed[placed >= 0]] = block[:, placed >= 0]
    return scores


def sigmoid(values: Floats) -> Floats:
    """1 / (1 + e^−x) without overflow."""
    small = np.exp(-np.abs(values))
    return np.asarray(np.where(values >= 0, 1.0, small) / (1.0 + small))


def softmax(values: Floats) -> Floats:
    """Softmax along the last axis without overflow."""
    exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def _to_probabilities(block: Floats, outputs: Outputs, targets: Targets, rows: slice) -> Floats:
    if outputs.spec.type is OutputType.LOGITS:
        return softmax(block) if targets.task is Task.MULTICLASS else sigmoid(block)
    ok = outputs.ok[rows]
    _require_within_one(block[ok], outputs)
    block = np.clip(block, 0.0, 1.0)
    if targets.task is not Task.MULTICLASS:
        return block
    sums = block.sum(axis=1, keepdims=True)
    if ok.any() and not 0.5 <= float(np.median(sums[ok])) <= 1.5:
        raise MeasurementError(
            f"the model's probabilities sum to {float(np.median(sums[ok])):.3g} per example (median), not to 1; "
            "declare `type: logits`, or `task: multilabel` if the classes do not exclude each other"
        )
    return np.asarray(block / np.where((sums > 0) & (np.abs(sums - 1) > _SLACK), sums, 1.0))


def _log_odds_of_classes(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True)
    best = np.argmax(shifted, axis=1)
    every = np.arange(len(shifted))
    rest = np.exp(shifted)
    rest[every, best] = 0.0
    total = rest.sum(axis=1)
    odds = shifted - np.log1p(np.maximum(total[:, None] - rest, 0.0))
    with np.errstate(divide="ignore"):
        odds[every, best] = -np.log(total)
    return np.asarray(odds)


def _require_within_one(values: Floats, outputs: Outputs) -> None:
    if values.size and not (values.min() >= -_SLACK and values.max() <= 1 + _SLACK):
        raise MeasurementError(
            f"probabilities lie between 0 and 1, but the model's output (declared {outputs.spec.type}) goes from {values.min():.4g} to "
            f"{values.max():.4g}; declare `type: logits` if that is what they are"
        )


def _classes(targets: Targets) -> int:
    return (
        targets.values.shape[1] if targets.task is Task.MULTILABEL else len(targets.labels) or int(np.max(targets.values, initial=-1)) + 1
    )

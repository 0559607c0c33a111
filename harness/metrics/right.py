"""Right or wrong, example by example: accuracy, top-k, exact match; and the share of right tokens."""

from __future__ import annotations

import string

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.catalogue import Parameters
from harness.core.models import OutputType, Task
from harness.errors import MeasurementError
from harness.metrics.fit import CLASS_FITS, Fits, require
from harness.metrics.labels import WRONG, alignment, class_columns, own_labels, predicted_codes, predicted_sets
from harness.metrics.metric import MetricInfo
from harness.metrics.probabilities import BLOCK
from harness.metrics.tokens import align, countable, tokens_right

Floats = NDArray[np.float64]

_TOKEN_FITS: Fits = {Task.TOKENS: (OutputType.LABEL, OutputType.LOGITS, OutputType.PROBABILITIES)}


class TopKParameters(Parameters):
    """How many guesses count."""

    k: int = Field(ge=1, description="the answer is right when the true class is among the k most probable")


class ExactMatchParameters(Parameters):
    """What is overlooked when answers are compared as text."""

    ignore_case: bool = Field(default=False, description="`Paris` matches `paris`")
    ignore_punctuation: bool = Field(default=False, description="`Paris.` matches `Paris`; ASCII punctuation only")


class Accuracy:
    """1 when the predicted class is the true one (multilabel: when every label is right), else 0. Higher is better."""

    info = MetricInfo("accuracy", "higher", binary=True, bounds=(0.0, 1.0), share=True)

    def scores(self, outputs: Outputs, targets: Targets) -> Floats:
        """See `MeanMetric.scores`."""
        if targets.task is Task.TOKENS:
            raise MeasurementError(
                "accuracy needs one answer per example, but the task is tokens; choose token_accuracy (the mean share of right tokens) "
                "or exact_match (every token right)"
            )
        require(self.info.name, CLASS_FITS, outputs, targets)
        return _all_right(outputs, targets)


class TopK:
    """1 when the true class is among the `k` with the highest score, else 0; ties go to the lower index. Higher is better."""

    info = MetricInfo("top_k", "higher", binary=True, bounds=(0.0, 1.0), share=True)

    def __init__(self, k: int) -> None:
        self.k = k

    def scores(self, outputs: Outputs, targets: Targets) -> Floats:
        """See `MeanMetric.scores`; `MeasurementError` when there are no more than `k` classes, because then nothing is wrong."""
        require(self.info.name, {Task.MULTICLASS: (OutputType.PROBABILITIES, OutputType.LOGITS)}, outputs, targets)
        columns = class_columns(outputs, targets)
        if self.k >= columns.shape[1]:
            raise MeasurementError(
                f"top_k with k: {self.k} is always right with {columns.shape[1]} classes; choose a k below the number of classes"
            )
        column_of = np.full(max(len(targets.labels), columns.shape[1]), WRONG, dtype=np.int64)
        known = alignment(outputs, targets)
        column_of[known[known >= 0]] = np.flatnonzero(known >= 0)
        truth = column_of[np.asarray(targets.values, dtype=np.int64)]
        right = np.zeros(len(outputs))
        step = max(1, BLOCK // columns.shape[1])
        for start in range(0, len(right), step):
            rows = slice(start, start + step)
            right[rows] = _rank(columns[rows], truth[rows]) < self.k
        return np.where(outputs.ok & (truth >= 0), right, 0.0)


class ExactMatch:
    """1 when the whole answer is the target (every label, every token), else 0; text may be compared loosely. Higher is better."""

    info = MetricInfo("exact_match", "higher", binary=True, bounds=(0.0, 1.0), share=True)

    def __init__(self, ignore_case: bool = False, ignore_punctuation: bool = False) -> None:
        self.ignore_case = ignore_case
        self.ignore_punctuation = ignore_punctuation

    def scores(self, outputs: Outputs, targets: Targets) -> Floats:
        """See `MeanMetric.scores`."""
        require(self.info.name, {**CLASS_FITS, **_TOKEN_FITS}, outputs, targets)
        if targets.task is Task.TOKENS:
            tokens = align(outputs, targets)
            wrong = tokens.sums(1.0 - tokens_right(outputs, targets, tokens))
            return np.asarray(wrong == 0, dtype=np.float64)
        loose = self.ignore_case or self.ignore_punctuation
        if loose and outputs.spec.type is OutputType.LABEL and targets.task is not Task.MULTILABEL:
            return self._loosely_right(outputs, targets)
        return _all_right(outputs, targets)

    def units(self, targets: Targets) -> NDArray[np.bool_] | None:
        """See `UnitMetric.units`."""
        return countable(targets) if targets.task is Task.TOKENS else None

    def _loosely_right(self, outputs: Outputs, targets: Targets) -> Floats:
        own = [self._plain(label) for label in own_labels(outputs) or targets.labels]
        codes = np.asarray(outputs.values, dtype=np.int64)
        inside = outputs.ok & (codes >= 0) & (codes < len(own))
        number = {label: index for index, label in enumerate(dict.fromkeys([*map(self._plain, targets.labels), *own]))}
        true = np.array([number[self._plain(label)] for label in targets.labels])[np.asarray(targets.values, dtype=np.int64)]
        said = np.array([*(number[label] for label in own), WRONG])[np.where(inside, codes, len(own))]
        return np.asarray(said == true, dtype=np.float64)

    def _plain(self, label: str) -> str:
        if self.ignore_case:
            label = label.casefold()
        if self.ignore_punctuation:
            label = label.translate(str.maketrans("", "", string.punctuation))
        return label


class TokenAccuracy:
    """Share of an example's tokens that are right (`ignore_index` left out), averaged over examples. Higher is better."""

    info = MetricInfo("token_accuracy", "higher", bounds=(0.0, 1.0), share=True)

    def scores(self, outputs: Outputs, targets: Targets) -> Floats:
        """See `MeanMetric.scores`."""
        require(self.info.name, _TOKEN_FITS, outputs, targets)
        tokens = align(outputs, targets)
        return tokens.means(tokens_right(outputs, targets, tokens))

    def units(self, targets: Targets) -> NDArray[np.bool_]:
        """See `UnitMetric.units`."""
        return countable(targets)


def _all_right(outputs: Outputs, targets: Targets) -> Floats:
    if targets.task is Task.MULTILABEL:
        truth, predicted = predicted_sets(outputs, targets)
        return np.asarray(outputs.ok & (truth == predicted).all(axis=1), dtype=np.float64)
    return np.asarray(predicted_codes(outputs, targets) == targets.values, dtype=np.float64)


def _rank(scores: NDArray[np.floating], truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """(rows,) how many classes come before the true one: those that score higher, and equal ones of lower index."""
    own = scores[np.arange(len(scores)), np.maximum(truth, 0)][:, None]
    earlier = np.arange(scores.shape[1])[None, :] < truth[:, None]
    return np.asarray(((scores > own) | ((scores == own) & earlier)).sum(axis=1))

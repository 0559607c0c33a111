"""From what a model returns to answers, as the suite's `output:` says; what does not fit is an error, never a guess."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.arrays.outputs import RowStatus
from harness.core.models import OutputSpec, OutputType, Task
from harness.errors import ModelError
from harness.models.answer import Answer
from harness.models.casting import flat

UNNAMED = ""
"""Name of the output of a model that returns a bare array: it answers to any name."""

RANGE_TOLERANCE = 0.01
"""How far outside [0, 1] rounding to 8 bits and less may push a probability."""


class Interpretation:
    """Reads the outputs of one model. `declared` is the suite's word, `completed` the same with the labels in final order."""

    def __init__(self, declared: OutputSpec, completed: OutputSpec) -> None:
        self._spec = declared
        self._labels = completed.labels
        self._codes = {label: code for code, label in enumerate(completed.labels)}
        order = declared.labels or completed.labels
        # The place in the final order of each label in the model's own order.
        self._places = np.array([self._codes[label] for label in order], dtype=np.int64)

    def __call__(self, outputs: Mapping[str, NDArray[Any]], rows: int) -> Answer:
        """The answers for a batch of `rows` examples; `ModelError` when outputs do not fit what was declared."""
        name, array = self.chosen(outputs, rows)
        if self._spec.type is OutputType.LABEL:
            return _complete(self.codes(name, array))
        return _finite(name, self._numbers(name, _floats(name, array)))

    def chosen(self, outputs: Mapping[str, NDArray[Any]], rows: int) -> tuple[str, NDArray[Any]]:
        """Name and array of the output that is read, its first axis checked to be the batch."""
        name, array = self._named(outputs)
        if array.ndim == 0 or len(array) != rows:
            raise ModelError(f"output {name!r} has shape {array.shape} for a batch of {rows}; its first axis must be the batch")
        return name, array

    def _named(self, outputs: Mapping[str, NDArray[Any]]) -> tuple[str, NDArray[Any]]:
        name = self._spec.name
        if len(outputs) == 1 and (name is None or UNNAMED in outputs):
            only, array = next(iter(outputs.items()))
            return only or name or "", array
        known = ", ".join(map(repr, outputs))
        if name is None:
            raise ModelError(f"the model has {len(outputs)} outputs ({known}); say which one with name: under output:")
        if name not in outputs:
            near = difflib.get_close_matches(name, outputs, n=1, cutoff=0.4)
            raise ModelError(f"the model has no output {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"it has {known}"))
        return name, outputs[name]

    def codes(self, name: str, array: NDArray[Any]) -> NDArray[np.int32]:
        """(n,) codes of label answers: names, or indices into declared labels; -1 for an answer outside them."""
        column = _column(name, array, "one label per example; for scores per class declare type: logits or probabilities")
        if column.dtype.kind in "iu" and self._spec.labels:
            return self._indexed(column.astype(np.int64))
        if column.dtype.kind == "f":
            raise ModelError(f"output {name!r} holds {column.dtype}, not labels; declare type: score, probabilities or logits")
        return np.array([self._codes.get(str(label), -1) for label in column.tolist()], dtype=np.int32)

    def texts(self, labels: pa.Array) -> NDArray[np.int32]:
        """(n,) codes of labels given as text; -1 for one outside the labels, and for a missing one."""
        coded = labels.dictionary_encode()
        codes = np.array([*(self._codes.get(label, -1) for label in coded.dictionary.to_pylist()), -1], dtype=np.int32)
        return np.asarray(codes[flat(coded.indices.fill_null(-1))])

    def _indexed(self, indices: NDArray[np.int64]) -> NDArray[np.int32]:
        inside = (indices >= 0) & (indices < len(self._places))
        return np.where(inside, self._places[np.where(inside, indices, 0)], -1).astype(np.int32)

    def _numbers(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        match self._spec.type:
            case OutputType.LOGITS | OutputType.PROBABILITIES:
                return self._classes(name, array)
            case OutputType.SCORE:
                return _column(name, array, "one score per example")
            case OutputType.VECTOR:
                if array.ndim != 2:
                    raise ModelError(f"output {name!r} has shape {_shape(array)}; a vector output is (batch, size)")
                return array
            case _:
                if array.ndim > 2:
                    raise ModelError(f"output {name!r} has shape {_shape(array)}; values are (batch) or (batch, k)")
                return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array

    def _classes(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        probabilities = self._spec.type is OutputType.PROBABILITIES
        if self._spec.task is Task.BINARY and (array.ndim == 1 or array.shape[1:] == (1,)):
            positive = array.reshape(len(array))
            array = np.stack([1 - positive if probabilities else np.zeros_like(positive), positive], axis=1)
        else:
            array = self._in_order(name, array)
        if probabilities:
            self._check_probabilities(name, array)
        return array

    def _in_order(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        count = len(self._labels)
        if array.ndim != 2 or array.shape[1] != count:
            raise ModelError(
                f"output {name!r} has shape {_shape(array)}, but there are {count} labels ({_some(self._labels)}); expected {count} columns"
            )
        if not self._spec.labels and self._spec.task is Task.BINARY:
            raise ModelError(
                f"output {name!r} has two columns, and nothing says which label each stands for; declare labels: [first, second]"
            )
        if np.array_equal(self._places, np.arange(count)):
            return array
        ordered = np.empty_like(array)
        ordered[:, self._places] = array
        return ordered

    def _check_probabilities(self, name: str, array: NDArray[Any]) -> None:
        usable = array[np.isfinite(array).all(axis=1)]
        if not usable.size:
            return
        low, high = float(usable.min()), float(usable.max())
        if low < -RANGE_TOLERANCE or high > 1 + RANGE_TOLERANCE:
            raise ModelError(f"output {name!r} holds {low if low < 0 else high:.4g}, which is no probability; declare type: logits")
        if self._spec.task is Task.MULTILABEL:
            return
        # Rounding each of C probabilities to 8 bits moves their sum by at most C/510.
        tolerance = 2 * RANGE_TOLERANCE + array.shape[1] / 510
        sums = usable.sum(axis=1, dtype=np.float64)
        worst = float(sums[np.abs(sums - 1).argmax()])
        if abs(worst - 1) > tolerance:
            raise ModelError(
                f"the probabilities in output {name!r} sum to {worst:.4g} instead of 1; declare type: logits, or task: multilabel"
            )


def _floats(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Numbers as float32, float64 where the model has those."""
    if array.dtype.kind not in "biuf":
        raise ModelError(f"output {name!r} holds {array.dtype}, not numbers; declare type: label")
    return array.astype(np.float64 if array.dtype == np.float64 else np.float32, copy=False)


def _column(name: str, array: NDArray[Any], expected: str) -> NDArray[Any]:
    if array.ndim == 1:
        return array
    if array.shape[1:] == (1,):
        return array[:, 0]
    raise ModelError(f"output {name!r} has shape {_shape(array)}; expected {expected}")


def _complete(values: NDArray[np.int32]) -> Answer:
    return Answer(values, np.zeros(len(values), np.uint8))


def _finite(name: str, values: NDArray[Any]) -> Answer:
    """Rows with a NaN or an infinity are wrong answers, and say so."""
    flat = values.reshape(len(values), -1)
    good = np.isfinite(flat).all(axis=1)
    if good.all():
        return Answer(np.ascontiguousarray(values), np.zeros(len(values), np.uint8))
    bad = np.flatnonzero(~good)
    messages = {int(row): f"{'NaN' if np.isnan(flat[row]).any() else 'infinity'} in output {name!r}" for row in bad}
    cleaned = np.array(values)
    cleaned[bad] = 0
    return Answer(cleaned, np.where(good, RowStatus.OK, RowStatus.NOT_FINITE).astype(np.uint8), messages)


def _shape(array: NDArray[Any]) -> str:
    return "(" + ", ".join(["batch", *map(str, array.shape[1:])]) + ")"


def _some(labels: Sequence[str]) -> str:
    return ", ".join(labels[:3]) + (", …" if len(labels) > 3 else "")

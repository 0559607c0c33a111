"""Ragged rows of a `tokens` task: target tokens that count, and the model's answer at each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.core.models import OutputType
from harness.errors import MeasurementError
from harness.metrics.labels import WRONG, alignment
from harness.metrics.probabilities import BLOCK

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tokens:
    """The target tokens that count, m of them, in n examples.

    `example` (m,) is the example of each; `target` (m,) its code; `place` (m,) its index in the outputs' flat arrays,
    -1 where the model failed on the example.
    """

    example: NDArray[np.int64]
    target: NDArray[np.int64]
    place: NDArray[np.int64]
    n: int

    def counts(self) -> NDArray[np.int64]:
        """(n,) number of tokens that count in each example."""
        return np.bincount(self.example, minlength=self.n).astype(np.int64)

    def sums(self, values: Floats) -> Floats:
        """(n,) sum of `values` (m,) over each example's tokens."""
        return np.bincount(self.example, weights=values, minlength=self.n).astype(np.float64)

    def means(self, values: Floats) -> Floats:
        """(n,) mean of `values` (m,) over each example's tokens, 0 for an example without any (see `countable`)."""
        return np.asarray(self.sums(values) / np.maximum(self.counts(), 1))


def countable(targets: Targets) -> NDArray[np.bool_]:
    """(n,) whether the example has a token that counts; one without has no score."""
    _, example, counts = _flat(targets)
    return np.bincount(example[counts], minlength=_rows(targets)) > 0


def align(outputs: Outputs, targets: Targets) -> Tokens:
    """Pair target tokens with answers; `MeasurementError` when an example has another number of answers than of targets."""
    offsets = targets.offsets
    if offsets is None or outputs.offsets is None:
        raise MeasurementError("a tokens task needs several targets and answers per example, and here there is one; declare another task")
    wanted, given = np.diff(offsets), np.diff(outputs.offsets)
    unequal = outputs.ok & (wanted != given)
    if unequal.any():
        row = int(np.argmax(unequal))
        raise MeasurementError(
            f"answers and target tokens do not line up in {int(unequal.sum()):,} examples (first: row {row} has {given[row]} answers "
            f"for {wanted[row]} targets); the model must give one answer per target token"
        )
    target, example, counts = _flat(targets)
    within = np.arange(len(target)) - offsets[example]
    place = np.where(outputs.ok[example], outputs.offsets[example] + within, -1)
    return Tokens(example[counts], target[counts], place[counts], _rows(targets))


def tokens_right(outputs: Outputs, targets: Targets, tokens: Tokens) -> Floats:
    """(m,) 1.0 where the answer (a label, or the argmax of probabilities or logits) is the target token."""
    answered = tokens.place >= 0
    place = tokens.place[answered]
    values = np.asarray(outputs.values)
    if outputs.spec.type is OutputType.LABEL:
        codes = values.reshape(-1)[place].astype(np.int64)
    else:
        step = max(1, BLOCK // max(1, _vocabulary(values)))
        codes = np.concatenate([np.argmax(values[place[i : i + step]], axis=1) for i in range(0, len(place), step)] or [place])
    right = np.zeros(len(tokens.target))
    right[answered] = _translate(codes, outputs, targets) == tokens.target[answered]
    return right


def log_likelihoods(outputs: Outputs, targets: Targets, tokens: Tokens, cap: float) -> Floats:
    """(m,) natural log of the probability the model gave each target token, at least -cap; -cap where it failed."""
    answered = tokens.place >= 0
    place = tokens.place[answered]
    found = np.full(len(tokens.target), -cap)
    if outputs.token_log_probs is not None:
        known = outputs.token_log_probs[place].astype(np.float64)
    elif outputs.spec.type in (OutputType.LOGITS, OutputType.PROBABILITIES) and outputs.values.ndim == 2:
        known = _log_probabilities(outputs, place, _columns(outputs, targets, tokens.target[answered]))
    elif outputs.spec.type in (OutputType.SCORE, OutputType.VALUES) and outputs.values.ndim == 1:
        known = outputs.values[place].astype(np.float64)
    else:
        raise MeasurementError(
            "the likelihood of tokens needs the log-probability of each target token, or logits over all tokens, and the suite declares "
            f"the type {outputs.spec.type}; declare the output that holds them"
        )
    if known.size and known.max() > 1e-3:
        raise MeasurementError(
            f"log-probabilities are never positive, but the model's go up to {known.max():.4g}; give natural logarithms of probabilities"
        )
    found[answered] = np.clip(known, -cap, 0.0)
    return found


def _log_probabilities(outputs: Outputs, place: NDArray[np.int64], column: NDArray[np.int64]) -> Floats:
    values = np.asarray(outputs.values)
    if column.size and column.max() >= values.shape[1]:
        raise MeasurementError(
            f"target token {int(column.max())} is outside the model's {values.shape[1]} tokens; check the tokenizer and `ignore_index:`"
        )
    result = np.full(len(place), -np.inf)
    step = max(1, BLOCK // max(1, values.shape[1]))
    for start in range(0, len(place), step):
        part = slice(start, start + step)
        block = values[place[part]].astype(np.float64)
        chosen = block[np.arange(len(block)), np.maximum(column[part], 0)]
        if outputs.spec.type is OutputType.LOGITS:
            top = block.max(axis=1)
            logs = chosen - top - np.log(np.exp(block - top[:, None]).sum(axis=1))
        else:
            with np.errstate(divide="ignore"):
                logs = np.log(np.maximum(chosen, 0.0))
        result[part] = np.where(column[part] >= 0, logs, -np.inf)
    return result


def _columns(outputs: Outputs, targets: Targets, target: NDArray[np.int64]) -> NDArray[np.int64]:
    """The model's column of each target token, -1 when it has none."""
    if not (targets.labels and (outputs.labels or outputs.spec.labels)):
        return target
    columns = np.full(len(targets.labels), WRONG, dtype=np.int64)
    known = alignment(outputs, targets)
    columns[known[known >= 0]] = np.flatnonzero(known >= 0)
    return columns[target]


def _translate(codes: NDArray[np.int64], outputs: Outputs, targets: Targets) -> NDArray[np.int64]:
    if not (targets.labels and (outputs.labels or outputs.spec.labels)):
        return codes
    table = np.append(alignment(outputs, targets), WRONG)
    return table[np.where((codes >= 0) & (codes < len(table) - 1), codes, len(table) - 1)]


def _vocabulary(values: NDArray[np.generic]) -> int:
    if values.ndim != 2:
        raise MeasurementError(
            "probabilities or logits of a tokens task have one column per class, and these have one number per token; "
            "declare `type: label`, or the output that holds all classes"
        )
    return int(values.shape[1])


def _flat(targets: Targets) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """(target, example, whether it counts) per token."""
    if targets.offsets is None:
        raise MeasurementError("a tokens task needs several targets per example, and here there is one; declare another task")
    target = np.asarray(targets.values, dtype=np.int64)
    example = np.repeat(np.arange(_rows(targets)), np.diff(targets.offsets))
    counts = target != targets.ignore_index if targets.ignore_index is not None else np.ones(len(target), dtype=np.bool_)
    return target, example, counts


def _rows(targets: Targets) -> int:
    return 0 if targets.offsets is None else len(targets.offsets) - 1

"""Models that answer once per token: ragged answers, reduced to codes and log-probabilities of the targets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.arrays.outputs import RowStatus
from harness.core.models import OutputSpec, OutputType
from harness.errors import ModelError
from harness.models.answer import Answer
from harness.models.casting import RowError


def token_answer(name: str, array: NDArray[Any], spec: OutputSpec, targets: NDArray[np.int32], lengths: NDArray[np.int64]) -> Answer:
    """Answers for n examples of `lengths` (n,) tokens whose `targets` (total,) are class codes.

    `array` is (n, T, classes) scores, or (n, T) codes when the type is `label`; example i is read at its first
    `lengths[i]` positions, so shorter examples are padded at the end. Values are codes; log-probabilities are those
    of each target (0 at `ignore_index`).
    """
    labels = spec.type is OutputType.LABEL
    if array.ndim != (2 if labels else 3):
        raise ModelError(f"output {name!r} has shape {array.shape}; task tokens takes (batch, tokens{'' if labels else ', classes'})")
    if len(lengths) and int(lengths.max()) > array.shape[1]:
        row = int(lengths.argmax())
        raise RowError(row, f"output {name!r} has {array.shape[1]} tokens there, but the target has {lengths[row]}")
    rows = np.repeat(np.arange(len(lengths)), lengths)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    read = array[rows, np.arange(len(rows)) - np.repeat(offsets[:-1], lengths)]
    if labels:
        if read.dtype.kind not in "iu":
            raise ModelError(f"output {name!r} holds {read.dtype}; labels per token are integer codes")
        return Answer(read.astype(np.int32), np.zeros(len(lengths), np.uint8), {}, offsets)
    scores = read.astype(np.float32 if read.dtype == np.float16 else read.dtype, copy=False)
    return _scored(name, scores, spec, targets, lengths, offsets)


def _scored(
    name: str, scores: NDArray[Any], spec: OutputSpec, targets: NDArray[np.int32], lengths: NDArray[np.int64], offsets: NDArray[np.int64]
) -> Answer:
    classes = scores.shape[1]
    counted = np.ones(len(targets), bool) if spec.ignore_index is None else targets != spec.ignore_index
    outside = counted & ((targets < 0) | (targets >= classes))
    if outside.any():
        value = int(targets[outside][0])
        raise ModelError(f"output {name!r} has {classes} classes, but a target is {value}; declare ignore_index: {value} if it is padding")
    good = np.isfinite(scores).all(axis=1)
    safe = np.where(good[:, None], scores, 0)
    wanted = np.where(counted, targets, 0)
    picked = safe[np.arange(len(safe)), wanted].astype(np.float64)
    if spec.type is OutputType.PROBABILITIES:
        log_probs = np.log(np.maximum(picked, np.finfo(np.float32).tiny))
    else:
        top = safe.max(axis=1, initial=0) if classes else np.zeros(len(safe))
        log_probs = picked - top - np.log(np.exp(safe - top[:, None], dtype=np.float64).sum(axis=1))
    rows = np.repeat(np.arange(len(lengths)), lengths)
    status = np.full(len(lengths), RowStatus.OK, np.uint8)
    status[rows[~good]] = RowStatus.NOT_FINITE
    messages = {int(row): f"NaN or infinity in output {name!r}" for row in np.flatnonzero(status)}
    usable = status[rows] == RowStatus.OK
    codes = np.where(usable, safe.argmax(axis=1), 0).astype(np.int32)
    return Answer(codes, status, messages, offsets, np.where(usable & counted, log_probs, 0).astype(np.float32))

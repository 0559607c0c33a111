"""Answers of small batches brought together into chunks worth storing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from harness.core.models import OutputSpec, OutputType, Task
from harness.errors import ModelError
from harness.models.answer import Answer, joined
from harness.ports.model import Chunk

MAX_ROWS = 1024
MAX_BYTES = 32 * 2**20
MAX_SECONDS = 2.0
"""A chunk is closed by whichever comes first, so that a killed run loses little of a slow model too."""

MAX_MESSAGES = 1000
"""Rows per chunk whose failure is explained in words."""


def chunks(answers: Iterator[Answer], start: int, spec: OutputSpec, probe: Callable[[], Answer | None]) -> Iterator[Chunk]:
    """Chunks in row order from row `start` on.

    Answers that hold no values at all wait for the first that does, to learn its shape; where none comes, `probe` is
    asked for an answer to another example of the data set.
    """
    waiting: list[Answer] = []
    began = time.monotonic()
    for answer in answers:
        waiting.append(answer)
        if _full(waiting, time.monotonic() - began) and any(part.values is not None for part in waiting):
            whole = _joined(waiting)
            yield _chunk(start, whole)
            start, waiting, began = start + len(whole), [], time.monotonic()
    if waiting:
        whole = _joined(waiting)
        yield _chunk(start, whole if whole.values is not None else _like(whole, spec, probe()))


def _full(waiting: list[Answer], seconds: float) -> bool:
    rows = sum(len(answer) for answer in waiting)
    size = sum(0 if answer.values is None else answer.values.nbytes for answer in waiting)
    return rows >= MAX_ROWS or size >= MAX_BYTES or seconds >= MAX_SECONDS


def _joined(answers: list[Answer]) -> Answer:
    try:
        return joined(answers)
    except ValueError as error:
        raise ModelError(f"the model gives {error}; every example must get the same") from error


def _like(answer: Answer, spec: OutputSpec, other: Answer | None) -> Answer:
    """`answer`, which holds no values, with zeros of the shape of `other`."""
    rows = len(answer)
    if other is not None and other.values is not None and spec.task is not Task.TOKENS:
        return Answer(np.zeros((rows, *other.values.shape[1:]), other.values.dtype), answer.status, answer.messages)
    dtype: type[np.generic] = np.int32 if spec.type is OutputType.LABEL or spec.task is Task.TOKENS else np.float32
    offsets: NDArray[np.int64] | None = np.zeros(rows + 1, np.int64) if spec.task is Task.TOKENS else None
    values: NDArray[np.generic] = np.zeros(0 if offsets is not None else rows, dtype)
    return Answer(values, answer.status, answer.messages, offsets)


def _chunk(start: int, answer: Answer) -> Chunk:
    assert answer.values is not None
    named = sorted(answer.messages)[:MAX_MESSAGES]
    messages = {start + row: answer.messages[row] for row in named}
    return Chunk(start, answer.values, answer.status, answer.offsets, answer.token_log_probs, messages)

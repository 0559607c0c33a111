"""What a model said on the examples of one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.arrays.outputs import RowStatus


@dataclass(frozen=True)
class Answer:
    """Answers for n examples, shaped as in `arrays.Outputs`; `values` is None when not one of them was answered.

    `messages` maps a row of the batch to why it failed. `offsets` and `token_log_probs` as in `arrays.Outputs`.
    """

    values: NDArray[np.generic] | None
    status: NDArray[np.uint8]
    messages: dict[int, str] = field(default_factory=dict)
    offsets: NDArray[np.int64] | None = None
    token_log_probs: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.status)

    def without_first(self, rows: int) -> Answer:
        """The same without its first `rows` examples."""
        if rows <= 0:
            return self
        messages = {row - rows: text for row, text in self.messages.items() if row >= rows}
        if self.values is None or self.offsets is None:
            return Answer(None if self.values is None else self.values[rows:], self.status[rows:], messages)
        offsets = self.offsets[min(rows, len(self)) :]
        log_probs = None if self.token_log_probs is None else self.token_log_probs[offsets[0] :]
        return Answer(self.values[offsets[0] :], self.status[rows:], messages, offsets - offsets[0], log_probs)


def failed(status: RowStatus, message: str) -> Answer:
    """One example that the model failed on."""
    return Answer(None, np.array([status], dtype=np.uint8), {0: message})


def joined(answers: Sequence[Answer]) -> Answer:
    """Answers of consecutive batches as one; failed rows hold zeros.

    Raises `ValueError` when their rows differ in shape.
    """
    if len(answers) == 1:
        return answers[0]
    starts = np.cumsum([0, *(len(answer) for answer in answers)])
    messages = {row + int(start): text for answer, start in zip(answers, starts, strict=False) for row, text in answer.messages.items()}
    status = np.concatenate([answer.status for answer in answers])
    known = [answer.values for answer in answers if answer.values is not None]
    if not known:
        return Answer(None, status, messages)
    if any(answer.offsets is not None for answer in answers):
        return _joined_ragged(answers, status, messages)
    shape, dtype = known[0].shape[1:], np.result_type(*known)
    if any(values.shape[1:] != shape for values in known):
        shapes = " and ".join(str(values.shape[1:]) for values in known)
        raise ValueError(f"answers of different shapes per example: {shapes}")
    filled = [np.zeros((len(a), *shape), dtype) if a.values is None else a.values for a in answers]
    return Answer(np.concatenate(filled), status, messages)


def _joined_ragged(answers: Sequence[Answer], status: NDArray[np.uint8], messages: dict[int, str]) -> Answer:
    lengths = [np.zeros(len(answer), np.int64) if answer.offsets is None else np.diff(answer.offsets) for answer in answers]
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(lengths))])
    values = np.concatenate([answer.values for answer in answers if answer.values is not None])
    log_probs = [answer.token_log_probs for answer in answers if answer.token_log_probs is not None]
    return Answer(values, status, messages, offsets, np.concatenate(log_probs) if log_probs else None)

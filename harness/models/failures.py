"""How much failing a model is forgiven before it is given up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

import numpy as np

from harness.arrays.outputs import RowStatus
from harness.errors import ModelError
from harness.models.answer import Answer

MAX_FAILURES = 30
"""Deaths and time-outs of the worker after which a model is given up, on small data."""

MAX_FAILURE_SHARE = 0.05
"""The same as a share of the examples, which counts where it is more."""

MAX_TIMEOUTS = 30
"""Time-outs after which a model is given up however large the data: each takes the full time."""

MAX_FAILURES_AT_FIRST = 8
"""Deaths and time-outs while not one example has been answered: a model that never works should not take hours to say so."""

MAX_FAILED_AT_FIRST = 64
"""Examples that may fail before any has been answered."""

MAX_NAMED = 5
"""Failing examples named in a message."""

_FAILURES = (RowStatus.RAISED, RowStatus.CRASHED, RowStatus.TIMED_OUT)


class Failures:
    """The book of one model's failures on a data set of `rows` examples; `name_row` turns a row into words for messages.

    Deaths that only narrow down which row of a batch it was are not held against the model: were they, one row that
    crashes would use up more of the limit the larger its batch is. At most log2(batch size) go with each one that is.
    """

    def __init__(self, model: str, rows: int, name_row: Callable[[int], str]) -> None:
        self._model = model
        self._rows = rows
        self._name_row = name_row
        self._happened = 0
        self._held_against = 0
        self._timeouts = 0
        self._alone: dict[int, None] = {}
        self._answered = 0
        self._failed = 0
        self._first_failed: list[tuple[int, str]] = []

    def worker_failed(self, row: int, reason: str, *, alone: bool, narrowing: bool, timed_out: bool) -> None:
        """The worker failed at the example `row`, or `alone` is False and it was somewhere in the batch from there on.

        `ModelError` when that is too often; it says how often, and on which examples.
        """
        self._happened += 1
        self._timeouts += timed_out
        self._held_against += timed_out or not narrowing
        if alone:
            self._alone[row] = None
        limit = max(MAX_FAILURES, int(MAX_FAILURE_SHARE * self._rows)) if self._answered else MAX_FAILURES_AT_FIRST
        if self._held_against < limit and self._timeouts < MAX_TIMEOUTS:
            return
        where = f"in the batch from {self._name_row(row)} on"
        if self._alone:
            where = f"on {len(self._alone):,} of {self._rows:,} examples ({self._named(self._alone, len(self._alone))})"
        raise ModelError(
            f"model {self._model!r} was given up after its worker failed {self._happened} times, {where}; the last time {reason}"
        )

    def count(self, row: int, answer: Answer) -> None:
        """Keep book of the answer to the examples from `row` on; `ModelError` for a model that fails on everything."""
        lost = np.flatnonzero(np.isin(answer.status, _FAILURES))
        self._answered += len(answer) - len(lost)
        self._failed += len(lost)
        for place in lost[: MAX_NAMED - len(self._first_failed)]:
            self._first_failed.append((row + int(place), answer.messages.get(int(place), "")))
        if not self._answered and self._failed >= MAX_FAILED_AT_FIRST:
            self.refuse_all_failed()

    def refuse_all_failed(self) -> None:
        """Raise `ModelError` when not one of the examples asked so far was answered."""
        if self._failed and not self._answered:
            reason = self._first_failed[0][1]
            named = self._named((row for row, _ in self._first_failed), self._failed)
            raise ModelError(f"model {self._model!r} failed on every one of {self._failed} examples ({named}): {reason}")

    def _named(self, rows: Iterable[int], total: int) -> str:
        return ", ".join(map(self._name_row, islice(rows, MAX_NAMED))) + (", …" if total > MAX_NAMED else "")

"""Letting a worker answer batch after batch, and finding the rows that kill it.

Two batches are under way at once: while the worker computes one, the next is already in its pipe. When the worker dies
or takes too long, it is started again and the rows of that batch are asked one by one; a row that fails twice alone is
named, and every other row keeps its answer. (What a model merely raises is split inside the worker.)
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from harness.arrays.outputs import RowStatus
from harness.errors import ModelError
from harness.models.answer import Answer, failed
from harness.models.process import WorkerDiedError, WorkerProcess
from harness.models.protocol import Frame, pack_arrays, pack_batch, unpack_arrays
from harness.models.serving import TokenTargets

UNDER_WAY = 3
"""Batches sent and not yet answered: one computed, the others on their way."""

MAX_DEATHS = 30
"""Deaths and time-outs of the worker after which a model is given up."""

MAX_DEATHS_AT_FIRST = 8
"""The same while not one example has been answered yet: a model that never works should not take hours to say so."""

MAX_FAILED_AT_FIRST = 64
"""Examples that may fail before any has been answered."""

GRACE = 30.0
"""Seconds beyond the time-out in which a worker must at least begin on a batch it was sent."""

MAX_NAMED = 5
"""Failing examples named in a message."""

_FAILURES = (RowStatus.RAISED, RowStatus.CRASHED, RowStatus.TIMED_OUT)


@dataclass
class Request:
    """Some consecutive examples to be answered. `deaths` counts how often they killed the worker, asked alone."""

    start: int
    batch: pa.RecordBatch
    targets: TokenTargets | None = None
    deaths: int = 0

    def frame(self) -> Frame:
        """What is sent to the worker."""
        head: dict[str, Any] = {"is": "predict", "index": self.start}
        if self.targets is None:
            return Frame(head, (pack_batch(self.batch),))
        described, buffers = pack_arrays({"codes": self.targets.codes, "lengths": self.targets.lengths})
        return Frame({**head, "targets": described}, (pack_batch(self.batch), *buffers))

    def singles(self) -> list[Request]:
        """The same examples one by one."""
        rows = range(self.batch.num_rows)
        return [
            Request(self.start + row, self.batch.slice(row, 1), None if self.targets is None else self.targets.rows(row, row + 1))
            for row in rows
        ]


class Gathering:
    """One model answering one stream of batches. `name_row` turns a row of the data set into words for messages."""

    def __init__(self, model: str, start_worker: Callable[[], WorkerProcess], timeout: float, name_row: Callable[[int], str]) -> None:
        self._model = model
        self._start_worker = start_worker
        self._timeout = timeout
        self._name_row = name_row
        self._waiting: deque[Request] = deque()
        self._sent = 0
        self._deaths = 0
        self._answered = 0
        self._failed = 0
        self._first_failures: list[tuple[int, str]] = []

    def answers(self, requests: Iterator[Request]) -> Generator[Answer, None, None]:
        """Answers in row order. `ModelError` when the model cannot run at all, or fails too often."""
        worker = self._fresh_worker()
        try:
            while self._fill(worker, requests):
                row = self._waiting[0].start
                answer: Answer | None
                try:
                    answer = self._next(worker)
                except (WorkerDiedError, TimeoutError) as trouble:
                    worker.close()
                    answer = self._blame(trouble)
                    worker = self._fresh_worker()
                if answer is not None:
                    self._count(row, answer)
                    yield answer
        finally:
            worker.close()

    def _fresh_worker(self) -> WorkerProcess:
        worker = self._start_worker()
        try:
            worker.ready()
        except BaseException:
            worker.close()
            raise
        self._sent = 0
        return worker

    def _fill(self, worker: WorkerProcess, requests: Iterator[Request]) -> bool:
        """Send what may be under way; whether anything is."""
        while self._sent < UNDER_WAY:
            if self._sent == len(self._waiting):
                request = next(requests, None)
                if request is None:
                    break
                self._waiting.append(request)
            worker.send(self._waiting[self._sent].frame())
            self._sent += 1
        return bool(self._waiting)

    def _next(self, worker: WorkerProcess) -> Answer:
        """The answer to the first request; `TimeoutError` when it takes too long from when the worker began on it."""
        deadline = time.monotonic() + self._timeout + GRACE
        while True:
            received = worker.receive(deadline - time.monotonic())
            if received is None:
                raise TimeoutError(f"no answer within {self._timeout:g} s")
            at, frame = received
            if frame.kind == "begin":
                deadline = at + self._timeout
                continue
            request = self._waiting.popleft()
            self._sent -= 1
            if frame.kind == "wrong":
                raise self._wrong(request, frame)
            return _read(frame)

    def _wrong(self, request: Request, frame: Frame) -> ModelError:
        row, message = frame.head["row"], frame.head["message"]
        where = "" if row is None else f"{self._name_row(request.start + row)}: "
        return ModelError(f"model {self._model!r}: {where}{message}")

    def _blame(self, trouble: WorkerDiedError | TimeoutError) -> Answer | None:
        """Find out which row did it: the answer of one that failed twice alone, None while it is not known."""
        self._deaths += 1
        request = self._waiting.popleft()
        timed_out = isinstance(trouble, TimeoutError)
        reason = str(trouble) if timed_out else f"the worker {trouble}"
        self._give_up_if_hopeless(request.start, reason)
        if request.batch.num_rows > 1:
            self._waiting.extendleft(reversed(request.singles()))
            return None
        request.deaths += 1
        if request.deaths < 2:
            self._waiting.appendleft(request)
            return None
        return failed(RowStatus.TIMED_OUT if timed_out else RowStatus.CRASHED, reason)

    def _give_up_if_hopeless(self, row: int, reason: str) -> None:
        limit = MAX_DEATHS if self._answered else MAX_DEATHS_AT_FIRST
        if self._deaths >= limit:
            raise ModelError(
                f"model {self._model!r} was given up after its worker failed {self._deaths} times, "
                f"at {self._named() or self._name_row(row)}; the last time {reason}"
            )

    def _count(self, row: int, answer: Answer) -> None:
        """Keep book of failures, and give up on a model that fails on everything."""
        lost = np.flatnonzero(np.isin(answer.status, _FAILURES))
        self._answered += len(answer) - len(lost)
        self._failed += len(lost)
        for place in lost[: MAX_NAMED - len(self._first_failures)]:
            self._first_failures.append((row + int(place), answer.messages.get(int(place), "")))
        if not self._answered and self._failed >= MAX_FAILED_AT_FIRST:
            self.refuse_all_failed()

    def refuse_all_failed(self) -> None:
        """Raise `ModelError` when not one of the examples asked so far was answered."""
        if self._failed and not self._answered:
            reason = self._first_failures[0][1]
            raise ModelError(f"model {self._model!r} failed on every one of {self._failed} examples ({self._named()}): {reason}")

    def _named(self) -> str:
        names = ", ".join(self._name_row(row) for row, _ in self._first_failures)
        return names + (", …" if self._failed > len(self._first_failures) else "")


def _read(frame: Frame) -> Answer:
    arrays = unpack_arrays(frame.head["arrays"], frame.buffers)
    return Answer(
        values=arrays.get("values"),
        status=arrays["status"],
        messages={int(row): text for row, text in frame.head["messages"].items()},
        offsets=arrays.get("offsets"),
        token_log_probs=arrays.get("token_log_probs"),
    )

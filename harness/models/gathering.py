"""Letting a worker answer batch after batch, and finding the rows that kill it.

Some batches are under way at once: while the worker computes one, the next are already in its pipe. When the worker
dies, it is started again and asked the halves of that batch, and so on until a single row is left. When it takes too
long, the rows are asked one by one at once, since every further failure would cost the whole time-out. A row that fails
twice alone is named, and every other row keeps its answer. (What a model merely raises is split inside the worker.)
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from harness.arrays.outputs import RowStatus
from harness.errors import ModelError
from harness.models.answer import Answer, failed
from harness.models.failures import Failures
from harness.models.process import WorkerDiedError, WorkerProcess
from harness.models.protocol import Frame, pack_arrays, pack_batch, unpack_arrays
from harness.models.serving import TokenTargets

UNDER_WAY = 3
"""Batches sent and not yet answered: one computed, the others on their way."""

GRACE = 30.0
"""Seconds beyond the time-out in which a worker must at least begin on a batch it was sent."""


@dataclass
class Request:
    """Some consecutive examples to be answered.

    `deaths` counts how often they killed the worker, asked alone; `part` says that they are a piece of a batch that failed.
    """

    start: int
    batch: pa.RecordBatch
    targets: TokenTargets | None = None
    deaths: int = 0
    part: bool = False

    def frame(self) -> Frame:
        """What is sent to the worker."""
        head: dict[str, Any] = {"is": "predict", "index": self.start}
        if self.targets is None:
            return Frame(head, (pack_batch(self.batch),))
        described, buffers = pack_arrays({"codes": self.targets.codes, "lengths": self.targets.lengths})
        return Frame({**head, "targets": described}, (pack_batch(self.batch), *buffers))

    def pieces(self, size: int) -> list[Request]:
        """The same examples, `size` at a time."""
        rows = self.batch.num_rows
        return [self._piece(low, min(low + size, rows)) for low in range(0, rows, size)]

    def _piece(self, low: int, high: int) -> Request:
        targets = None if self.targets is None else self.targets.rows(low, high)
        return Request(self.start + low, self.batch.slice(low, high - low), targets, part=True)


class Gathering:
    """One model answering one stream of batches of a data set of `rows` examples.

    `timeout` is in seconds per batch; `name_row` turns a row of the data set into words for messages.
    """

    def __init__(
        self, model: str, start_worker: Callable[[], WorkerProcess], timeout: float, rows: int, name_row: Callable[[int], str]
    ) -> None:
        self._model = model
        self._start_worker = start_worker
        self._timeout = timeout
        self._name_row = name_row
        self._waiting: deque[Request] = deque()
        self._sent = 0
        self._failures = Failures(model, rows, name_row)

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
                    self._failures.count(row, answer)
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
        request = self._waiting.popleft()
        rows = request.batch.num_rows
        timed_out = isinstance(trouble, TimeoutError)
        reason = str(trouble) if timed_out else f"the worker {trouble}"
        narrowing = request.part and rows > 1
        self._failures.worker_failed(request.start, reason, alone=rows == 1, narrowing=narrowing, timed_out=timed_out)
        if rows > 1:
            self._waiting.extendleft(reversed(request.pieces(1 if timed_out else (rows + 1) // 2)))
            return None
        request.deaths += 1
        if request.deaths < 2:
            self._waiting.appendleft(request)
            return None
        return failed(RowStatus.TIMED_OUT if timed_out else RowStatus.CRASHED, reason)

    def refuse_all_failed(self) -> None:
        """Raise `ModelError` when not one of the examples asked so far was answered."""
        self._failures.refuse_all_failed()


def _read(frame: Frame) -> Answer:
    arrays = unpack_arrays(frame.head["arrays"], frame.buffers)
    return Answer(
        values=arrays.get("values"),
        status=arrays["status"],
        messages={int(row): text for row, text in frame.head["messages"].items()},
        offsets=arrays.get("offsets"),
        token_log_probs=arrays.get("token_log_probs"),
    )

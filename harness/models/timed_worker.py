"""The harness's side of a worker that is being timed."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from harness.arrays.timing import Nanoseconds
from harness.models.gathering import GRACE
from harness.models.process import WorkerProcess
from harness.models.protocol import Frame, pack_batch, unpack_arrays
from harness.models.stopwatch import SETTLE

WARM_BLOCK_SECONDS = 0.05
WARM_SECONDS = 2.0
WARM_BLOCKS = 20
SETTLED = 0.05
"""Warm-up ends when the medians of two blocks differ by less than this share, after this time, or after so many blocks."""

_SLOWER = 20
"""A request may take so many times its usual time before a block counts as stuck, beside the time-out itself."""


class TimedWorker:
    """A worker that has loaded its model. Use as a context manager: leaving it ends the process."""

    def __init__(self, process: WorkerProcess, timeout: float) -> None:
        self._process = process
        self._timeout = timeout
        self._usual = timeout  # seconds per request; the time-out until one was timed

    def __enter__(self) -> TimedWorker:
        return self

    def __exit__(self, *details: object) -> None:
        self._process.close()

    def stage(self, batches: Sequence[pa.RecordBatch]) -> TimedWorker:
        """Have the requests prepared; `ModelError` when they cannot be."""
        for batch in batches:
            self._process.send(Frame({"is": "stage"}, (pack_batch(batch),)))
            self._process.receive_or_fail(self._timeout + GRACE)
        return self

    def block(self, calls: int, first: int = 0, settle: int = SETTLE, every: int = 1) -> Nanoseconds:
        """(calls,) nanoseconds, of one in each `every` requests; `ModelError` when the model fails or takes far too long."""
        self._process.send(Frame({"is": "time", "calls": calls, "first": first, "settle": settle, "every": every}))
        frame = self._process.receive_or_fail(self._timeout + (calls * every + settle) * min(self._timeout, _SLOWER * self._usual))
        return np.array(unpack_arrays(frame.head["arrays"], frame.buffers)["durations"])

    def warm_up(self) -> float:
        """Let it run until it has settled; seconds per request then (the median of the last block)."""
        began, before = time.monotonic(), np.inf
        self._usual = self._median(1)
        for _ in range(WARM_BLOCKS):
            calls = int(np.clip(WARM_BLOCK_SECONDS / max(self._usual, 1e-9), 3, 200))
            self._usual = self._median(calls)
            if abs(self._usual / before - 1) < SETTLED or time.monotonic() - began > WARM_SECONDS:
                break
            before = self._usual
        return self._usual

    def _median(self, calls: int) -> float:
        return max(float(np.median(self.block(calls))) / 1e9, 1e-9)

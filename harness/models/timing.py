"""Timing models against each other: each in a process of its own, resident together, asked in turn.

Within a round the blocks of requests stand as ABBA or BAAB, by a coin, so that a slow drift of the machine falls on both
models alike and a periodic one cannot lock on to either.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.arrays.timing import Nanoseconds
from harness.catalogue import Kinds
from harness.core.models import ModelSpec
from harness.core.timing import InputSize
from harness.errors import ModelError
from harness.models.dataset_job import dataset_job, needed_columns
from harness.models.machine import machine
from harness.models.parameters import OutputsParameters
from harness.models.process import WorkerProcess
from harness.models.recorded import RecordedAdapter
from harness.models.replay import recorded_latencies
from harness.models.timed_worker import TimedWorker
from harness.models.timing_rows import batches_of, rows_for
from harness.ports.data import Dataset
from harness.ports.model import ModelAdapter
from harness.ports.timing import Pace, Round, Rounds

BLOCKS_SECONDS = 4.0
"""What the blocks of one input size are meant to take in all, unless the fewest requests take longer."""

MOST_CALLS = 500
"""Requests per block that are kept, however fast the model is."""

FASTEST = 1e-6
"""Seconds a request is taken to last at least, whatever the clock says."""

SHORTEST_BLOCK = 0.03
"""Seconds a block lasts at least.

What disturbs a machine lasts some milliseconds: in shorter blocks it hits several rounds in a row, which are then not independent
of each other, and their interval is too narrow.
"""


class ModelTimer:
    """The `Timer` port over the model kinds in `kinds`."""

    def __init__(self, kinds: Kinds[ModelAdapter]) -> None:
        self._kinds = kinds

    def rounds(self, models: Sequence[ModelSpec], root: Path, dataset: Dataset, size: InputSize, pace: Pace) -> Rounds:
        """See `Timer.rounds`."""
        rows = rows_for(dataset, size)
        coin = np.random.default_rng(pace.seed)
        with ExitStack() as stack:
            stack.enter_context(machine("exclusive"))
            workers = [stack.enter_context(self._worker(model, root, dataset, rows)) for model in models]
            paces = [worker.warm_up() for worker in workers]
            block = block_of(max(paces), len(models), pace)
            for number in range(pace.rounds):
                yield one_round(workers, block, number, first=bool(coin.integers(2)))

    def start(self, model: ModelSpec, root: Path, dataset: Dataset, size: InputSize) -> tuple[float, float]:
        """See `Timer.start`."""
        rows = rows_for(dataset, size)[:1]
        job = dataset_job(model, root, self._adapter(model), dataset)
        batches = batches_of(dataset, needed_columns(job, dataset), rows)
        with machine("exclusive"):
            began = time.monotonic()
            with WorkerProcess(job) as process:
                load = process.ready()
                TimedWorker(process, model.timeout).stage(batches).block(1, settle=0)
                return time.monotonic() - began, load

    def recorded(self, model: ModelSpec, root: Path, dataset: Dataset) -> NDArray[np.float64] | None:
        """See `Timer.recorded`."""
        assert isinstance(model.parameters, OutputsParameters)
        return recorded_latencies(model.parameters, root, dataset)

    def is_recorded(self, model: ModelSpec) -> bool:
        """See `Timer.is_recorded`."""
        return isinstance(self._adapter(model), RecordedAdapter)

    def _worker(self, model: ModelSpec, root: Path, dataset: Dataset, rows: NDArray[np.int64]) -> TimedWorker:
        if self.is_recorded(model):
            raise ModelError(f"model {model.name!r} is a recording, which cannot be timed")
        job = dataset_job(model, root, self._adapter(model), dataset)
        batches = batches_of(dataset, needed_columns(job, dataset), rows)
        process = WorkerProcess(job)
        try:
            process.ready()
            return TimedWorker(process, model.timeout).stage(batches)
        except BaseException:
            process.close()
            raise

    def _adapter(self, model: ModelSpec) -> ModelAdapter:
        return self._kinds.get(model.kind).implementation


@dataclass(frozen=True)
class Block:
    """`calls` requests that are kept, one of each `every` that are asked."""

    calls: int
    every: int


def block_of(seconds: float, models: int, pace: Pace) -> Block:
    """Blocks that last long enough when one request takes `seconds`, and that take a few seconds in all unless `calls` are given."""
    lasting = BLOCKS_SECONDS / (2 * models * pace.rounds)
    fitting = min(int(lasting / max(seconds, FASTEST)), MOST_CALLS)
    calls = pace.calls or max(pace.fewest_calls, fitting)
    least = SHORTEST_BLOCK if pace.calls else max(lasting, SHORTEST_BLOCK)
    return Block(calls, max(1, int(least / (calls * max(seconds, FASTEST)))))


def one_round(workers: Sequence[TimedWorker], block: Block, number: int, *, first: bool) -> Round:
    """Two blocks of every model, ABBA when `first` and BAAB when not; the models' blocks ask the same requests."""
    order = list(range(len(workers))) if first else list(reversed(range(len(workers))))
    blocks: list[list[Nanoseconds]] = [[] for _ in workers]
    for visit, turn in enumerate((order, order[::-1])):
        for model in turn:
            start = (2 * number + visit) * block.calls * block.every
            blocks[model].append(workers[model].block(block.calls, start, every=block.every))
    return Round(tuple(np.stack(pair) for pair in blocks), first)

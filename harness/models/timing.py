"""Timing models against each other: each in a process of its own, resident together, asked in turn.

Within a round the blocks of requests stand as ABBA or BAAB, by a coin, so that a slow drift of the machine falls on both
models alike and a periodic one cannot lock on to either.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
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
"""Requests per block, however fast the model is."""


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
            calls = pace.calls or calls_per_block(max(paces), len(models), pace)
            for number in range(pace.rounds):
                yield one_round(workers, calls, first=bool(coin.integers(2)), offset=2 * number * calls)

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


def calls_per_block(seconds: float, models: int, pace: Pace) -> int:
    """Requests per block so that all blocks take a few seconds, within the bounds, when one request takes `seconds`."""
    blocks = 2 * models * pace.rounds
    fitting = int(BLOCKS_SECONDS / blocks / max(seconds, 1e-9))
    return max(pace.fewest_calls, min(fitting, MOST_CALLS))


def one_round(workers: Sequence[TimedWorker], calls: int, *, first: bool, offset: int) -> Round:
    """Two blocks of every model, ABBA when `first` and BAAB when not; the models' blocks ask the same requests."""
    order = list(range(len(workers))) if first else list(reversed(range(len(workers))))
    blocks: list[list[Nanoseconds]] = [[] for _ in workers]
    for visit, turn in enumerate((order, order[::-1])):
        for model in turn:
            blocks[model].append(workers[model].block(calls, offset + visit * calls))
    return Round(tuple(np.stack(pair) for pair in blocks), first)

"""The one place where models run: each described model answers a data set, in a process of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from harness.arrays.footprint import Footprint
from harness.catalogue import Kinds
from harness.core.models import ModelSpec, OutputSpec, Task
from harness.models.answer import Answer
from harness.models.chunks import chunks
from harness.models.completion import completed_output, declared_output
from harness.models.dataset_job import check_columns, dataset_job, needed_columns
from harness.models.gathering import Gathering, Request
from harness.models.identity import fingerprint
from harness.models.job import Job
from harness.models.machine import machine
from harness.models.parameters import OutputsParameters
from harness.models.process import WorkerProcess
from harness.models.recorded import RecordedAdapter
from harness.models.replay import recorded_latency, recorded_peak_memory, replay
from harness.models.serving import TokenTargets
from harness.models.weighing import weigh
from harness.ports.data import Dataset
from harness.ports.model import Chunk, ModelAdapter

_log = logging.getLogger("harness.models")


class ModelObserver:
    """The `Observer` port over the model kinds in `kinds`.

    `warn` is told, in one sentence, what does not stop a run but should be known (ids of a recording that the data
    does not have); by default it goes to the log.
    """

    def __init__(self, kinds: Kinds[ModelAdapter], warn: Callable[[str], None] = _log.warning) -> None:
        self._kinds = kinds
        self._warn = warn

    def fingerprint(self, model: ModelSpec, root: Path) -> str | None:
        """Content hash of everything that decides its answers; None when it must not be reused."""
        return fingerprint(model, root, self._adapter(model))

    def output(self, model: ModelSpec, root: Path, dataset: Dataset) -> OutputSpec:
        """What its output means, with all labels in the order of `Targets`."""
        return completed_output(model, dataset)

    def examine(self, model: ModelSpec, root: Path, dataset: Dataset) -> None:
        """See `Observer.examine`. A recording is read: that is all that running it would do."""
        if isinstance(self._adapter(model), RecordedAdapter):
            for _ in replay(model, root, dataset, declared_output(model), completed_output(model, dataset), 0, lambda _: None):
                pass
        else:
            check_columns(model, dataset)
            completed_output(model, dataset)

    def observe(self, model: ModelSpec, root: Path, dataset: Dataset, start: int = 0, batch_size: int | None = None) -> Iterator[Chunk]:
        """Answers in row order from row `start` on; a model that cannot run at all raises `ModelError`.

        Batches begin at multiples of the batch size whatever `start` is, so that a resumed gathering sees the same ones.
        """
        declared, completed = declared_output(model), completed_output(model, dataset)
        if isinstance(self._adapter(model), RecordedAdapter):
            yield from replay(model, root, dataset, declared, completed, start, self._warn)
            return
        job = self._job(model, root, dataset)
        stream = _Stream(job, model.timeout, dataset, batch_size or model.batch_size)
        with machine("shared"), closing(stream.answers(start)) as answers:
            yield from chunks(answers, start, completed, stream.probe)

    def footprint(self, model: ModelSpec, root: Path, dataset: Dataset) -> Footprint:
        """Its weight on disk and in memory, measured in fresh processes. Of a recording: what it says of memory and latency."""
        if isinstance(model.parameters, OutputsParameters):
            return Footprint(
                peak_memory=recorded_peak_memory(model.parameters, root, dataset),
                latency_seconds=recorded_latency(model.parameters, root, dataset),
            )
        job = self._job(model, root, dataset)
        return weigh(job, _Stream(job, model.timeout, dataset, model.batch_size).requests(0), model.timeout)

    def _adapter(self, model: ModelSpec) -> ModelAdapter:
        return self._kinds.get(model.kind).implementation

    def _job(self, model: ModelSpec, root: Path, dataset: Dataset) -> Job:
        return dataset_job(model, root, self._adapter(model), dataset)


class _Stream:
    """One model's answers to one data set."""

    def __init__(self, job: Job, timeout: float, dataset: Dataset, size: int) -> None:
        self._job = job
        self._timeout = timeout
        self._dataset = dataset
        self._size = size
        self._columns = needed_columns(job, dataset)

    def answers(self, start: int) -> Generator[Answer, None, None]:
        """Answers from row `start` on."""
        if start >= len(self._dataset):
            return
        gathering = self._gathering()
        first = start - start % self._size
        with closing(gathering.answers(self.requests(first))) as answers:
            skip = start - first
            for answer in answers:
                kept = answer.without_first(skip)
                skip = max(0, skip - len(answer))
                if len(kept):
                    yield kept
        # A short rest of a resumed run may well fail as a whole; the whole data set may not.
        if start == 0:
            gathering.refuse_all_failed()

    def probe(self) -> Answer | None:
        """An answer to the first examples, for its shape; None when they too have none."""
        with closing(self._gathering().answers(self.requests(0))) as answers:
            return next((answer for answer in answers if answer.values is not None), None)

    def requests(self, first: int) -> Iterator[Request]:
        """The data set in batches from row `first` on."""
        tokens = self._dataset.targets(self._job.completed) if self._job.completed and self._job.completed.task is Task.TOKENS else None
        for batch in self._dataset.batches(self._columns, self._size, first):
            targets = None
            if tokens is not None and tokens.offsets is not None:
                bounds = tokens.offsets[first : first + batch.num_rows + 1]
                targets = TokenTargets(np.asarray(tokens.values[bounds[0] : bounds[-1]], np.int32), np.diff(bounds))
            yield Request(first, batch, targets)
            first += batch.num_rows

    def _gathering(self) -> Gathering:
        return Gathering(self._job.name, lambda: WorkerProcess(self._job), self._timeout, len(self._dataset), self._name_row)

    def _name_row(self, row: int) -> str:
        return f"example {self._dataset.ids()[row].as_py()!r}"

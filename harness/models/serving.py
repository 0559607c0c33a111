"""What a worker does with a batch: prepare, predict, read, and split it when the model raises."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.arrays.outputs import RowStatus
from harness.core.models import Task
from harness.errors import HarnessError, ModelError
from harness.models.answer import Answer, failed, joined
from harness.models.casting import RowError
from harness.models.interpretation import Interpretation
from harness.models.job import Job
from harness.models.memory import PeakMemory
from harness.models.preparation import Preparation
from harness.models.stopwatch import Stopwatch
from harness.models.tokens import token_answer
from harness.ports.model import Model, Tensor


@dataclass(frozen=True)
class TokenTargets:
    """Targets of the examples of a batch, for task `tokens`: codes (total,) and lengths (n,)."""

    codes: NDArray[np.int32]
    lengths: NDArray[np.int64]

    def rows(self, start: int, stop: int) -> TokenTargets:
        """Those of some of the examples."""
        low, high = int(self.lengths[:start].sum()), int(self.lengths[:stop].sum())
        return TokenTargets(self.codes[low:high], self.lengths[start:stop])


class Server:
    """A loaded model with its preparation and interpretation."""

    def __init__(self, job: Job) -> None:
        _import_runtime(job)
        self._memory = PeakMemory()
        began = time.perf_counter()
        self._model = job.adapter.load(job.parameters, job.root)
        self.load_seconds = time.perf_counter() - began
        self._task = None if job.declared is None else job.declared.task
        self._output = job.declared
        self._prepare = Preparation(job.inputs, self._model.inputs(), job.root)
        if not job.inputs and not getattr(job.adapter, "takes_columns", False):
            raise ModelError(_no_input(self._model, job.columns))
        self._interpret = Interpretation(job.declared, job.completed) if job.declared and job.completed else None
        self.stopwatch = Stopwatch(self._prepare, self._model.predict)

    def memory(self) -> int:
        """Growth of the peak resident set since before the model was loaded, bytes."""
        return self._memory.growth()

    def answer(self, batch: pa.RecordBatch, targets: TokenTargets | None, begin: Callable[[], None]) -> Answer:
        """Answers for `batch`; `begin` is called before each attempt. A row that raises twice alone, or that gives no input, is named.

        Raises `ModelError` for what is wrong with the model as a whole, `RowError` with its row in the batch where the
        model's answer does not fit the data.
        """
        try:
            return self._attempt(batch, targets, begin)
        except _NoInputError as error:
            if batch.num_rows == 1:
                return failed(RowStatus.RAISED, str(error))
        except ModelError:
            raise
        except (Exception, SystemExit) as error:
            if batch.num_rows == 1:
                return self._again(batch, targets, begin, error)
        middle = batch.num_rows // 2
        parts = []
        for start, stop in ((0, middle), (middle, batch.num_rows)):
            some = None if targets is None else targets.rows(start, stop)
            try:
                parts.append(self.answer(batch.slice(start, stop - start), some, begin))
            except RowError as error:
                raise RowError(start + error.row, str(error)) from error
        return _joined(parts)

    def _again(self, batch: pa.RecordBatch, targets: TokenTargets | None, begin: Callable[[], None], first: BaseException) -> Answer:
        try:
            return self._attempt(batch, targets, begin)
        except ModelError:
            raise
        except (Exception, SystemExit):
            return failed(RowStatus.RAISED, sentence(first))

    def _attempt(self, batch: pa.RecordBatch, targets: TokenTargets | None, begin: Callable[[], None]) -> Answer:
        assert self._interpret is not None
        assert self._output is not None
        begin()
        outputs = self._model.predict(self._inputs(batch))
        if self._task is Task.TOKENS and targets is not None:
            name, array = self._interpret.chosen(outputs, batch.num_rows)
            return token_answer(name, array, self._output, targets.codes, targets.lengths)
        return self._interpret(outputs, batch.num_rows)

    def _inputs(self, batch: pa.RecordBatch) -> dict[str, NDArray[Any]]:
        try:
            return self._prepare(batch)
        except RowError as error:
            raise _NoInputError(str(error)) from error


class _NoInputError(Exception):
    """No input can be made of a row: an empty cell, or a value the model cannot take. That costs the row, in every model alike."""


def _joined(parts: list[Answer]) -> Answer:
    try:
        return joined(parts)
    except ValueError as error:
        raise ModelError(f"the model gives {error}; every example must get the same") from error


def sentence(error: BaseException) -> str:
    """`ValueError: the first line of what it says`."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0][:300]}" if text else type(error).__name__


def _import_runtime(job: Job) -> None:
    """Import the libraries a kind runs on, so that loading a model is timed without them."""
    for distribution in job.adapter.distributions():
        try:
            importlib.import_module(distribution.replace("-", "_"))
        except (ImportError, HarnessError):
            continue


def _no_input(model: Model, columns: tuple[str, ...]) -> str:
    tensors = model.inputs()
    takes = "; it takes " + ", ".join(_described(tensor) for tensor in tensors) if tensors else ""
    name = tensors[0].name if tensors else "x"
    column = columns[0] if len(columns) == 1 else f"one of {', '.join(columns[:20])}"
    return f"nothing says how its input is made from the data{takes}; write input: {{{name}: {{column: …}}}} with {column}"


def _described(tensor: Tensor) -> str:
    details: list[Any] = [tensor.dtype] if tensor.dtype else []
    if tensor.shape is not None:
        details.append("(" + ", ".join("any" if size is None else str(size) for size in tensor.shape) + ")")
    return f"{tensor.name!r}" + (f" {' '.join(details)}" if details else "")

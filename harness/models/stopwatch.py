"""Timing a model's requests inside its own process, where no pipe is timed with them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.errors import ModelError

Inputs = Mapping[str, NDArray[Any]]

SETTLE = 2
"""Requests at the start of a block that are not timed: the other model has just used the caches."""


class Stopwatch:
    """Requests prepared beforehand, asked in turn."""

    def __init__(self, prepare: Callable[[pa.RecordBatch], Inputs], predict: Callable[[Inputs], object]) -> None:
        self._prepare = prepare
        self._predict = predict
        self._staged: list[Inputs] = []

    def stage(self, batch: pa.RecordBatch) -> None:
        """Prepare one more request; `RowError` when a row cannot be given to the model."""
        self._staged.append(self._prepare(batch))

    def time(self, calls: int, first: int, settle: int = SETTLE, every: int = 1) -> NDArray[np.int64]:
        """(calls,) durations in nanoseconds, from the staged request number `first` on, round and round.

        Of each `every` requests one is kept, so that a fast model's block lasts without a sample of every request.
        The collector of garbage is off meanwhile. Whatever the model raises goes through.
        """
        if not self._staged:
            raise ModelError("there is nothing staged to be timed")
        durations = np.empty(calls * every, np.int64)
        was_on = gc.isenabled()
        gc.collect()
        gc.disable()
        try:
            for number in range(settle):
                self._predict(self._request(first + number))
            for number in range(len(durations)):
                inputs = self._request(first + number)
                began = time.perf_counter_ns()
                answer = self._predict(inputs)
                durations[number] = time.perf_counter_ns() - began
                del answer  # freed outside the timed part
        finally:
            if was_on:
                gc.enable()
        return durations[_kept(calls, every)]

    def _request(self, number: int) -> Inputs:
        return self._staged[number % len(self._staged)]


def _kept(calls: int, every: int) -> NDArray[np.int64]:
    """One position in each `every`, moving on within them, so that it is not one and the same of the staged requests."""
    number = np.arange(calls, dtype=np.int64)
    return number * every + number % every

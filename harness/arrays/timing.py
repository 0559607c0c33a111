"""How long models took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.core.timing import InputSize

Nanoseconds = NDArray[np.int64]


@dataclass(frozen=True)
class Timings:
    """Raw durations of requests at one input size, nanoseconds, each (rounds, 2, calls): two blocks per model and round.

    `original` is None where only the candidate was timed. `first` says per round whether the original's block stood
    first (ABBA); in the other rounds the order was BAAB.
    """

    candidate: Nanoseconds
    original: Nanoseconds | None = None
    first: tuple[bool, ...] = ()

    def pooled(self, model: str) -> Nanoseconds | None:
        """(rounds, requests): the blocks of a round together. `model` is `original` or `candidate`."""
        samples = self.original if model == "original" else self.candidate
        return None if samples is None else samples.reshape(len(samples), -1)


@dataclass(frozen=True)
class Starts:
    """Seconds from the start of a process to its first answer (`cold`) and to load the model (`load`), each (starts,)."""

    cold: NDArray[np.float64]
    load: NDArray[np.float64]


@dataclass(frozen=True)
class TimedSize:
    """What was measured at one input size; `noise` is the original timed against itself in the same way."""

    size: InputSize
    timings: Timings
    noise: Timings | None = None


@dataclass(frozen=True)
class Latency:
    """Everything a check of speed looks at.

    `unpaired` is why the two models were not timed side by side, empty when they were; `recorded` says that the
    durations were recorded elsewhere, one per example, in no order that means anything.
    """

    sizes: tuple[TimedSize, ...] = ()
    original_starts: Starts | None = None
    candidate_starts: Starts | None = None
    unpaired: str = ""
    recorded: bool = False

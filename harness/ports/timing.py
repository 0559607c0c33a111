"""Who times models."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.arrays.timing import Nanoseconds
from harness.core.models import ModelSpec
from harness.core.timing import InputSize
from harness.ports.data import Dataset


@dataclass(frozen=True)
class Pace:
    """How many rounds of how many requests per block (None: chosen by what a request takes, at least `fewest_calls`).

    `seed` decides the order of the blocks in each round.
    """

    rounds: int
    calls: int | None
    fewest_calls: int
    seed: int


@dataclass(frozen=True)
class Round:
    """One round: per model (2, calls) nanoseconds. `first` says whether the first model's block stood first."""

    durations: tuple[Nanoseconds, ...]
    first: bool


Rounds = Generator[Round, None, None]
"""Rounds one by one; closing it ends what was started for them."""


class Timer(Protocol):
    """Times models against each other on this machine, which it has to itself meanwhile."""

    def rounds(self, models: Sequence[ModelSpec], root: Path, dataset: Dataset, size: InputSize, pace: Pace) -> Rounds:
        """The rounds, one by one, of one or two models that are resident together; `ModelError` when one cannot answer."""

    def start(self, model: ModelSpec, root: Path, dataset: Dataset, size: InputSize) -> tuple[float, float]:
        """Seconds from the start of a fresh process to its first answer, and those of loading the model."""

    def recorded(self, model: ModelSpec, root: Path, dataset: Dataset) -> NDArray[np.float64] | None:
        """Durations recorded beside recorded outputs, seconds; None when there are none. `ModelError` for what is no number."""

    def is_recorded(self, model: ModelSpec) -> bool:
        """Whether the model is a recording, which cannot be timed."""

"""Who is told of timings, to keep them where other tools find them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Benchmark:
    """Durations of one model at one input size, seconds, (requests,). Those of one `group` are to be compared."""

    group: str
    name: str
    fullname: str
    seconds: NDArray[np.float64]
    facts: Mapping[str, str | int | float] = field(default_factory=dict)


class BenchmarkLog(Protocol):
    """Keeps what was measured."""

    def write(self, benchmarks: Sequence[Benchmark]) -> None:
        """Keep these, measured together."""


class NoLog:
    """Keeps nothing."""

    def write(self, benchmarks: Sequence[Benchmark]) -> None:
        """Nothing."""

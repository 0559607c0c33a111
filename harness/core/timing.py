"""What of a model's speed is to be measured: at which input sizes, in how many rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LengthUnit = Literal["characters", "bytes", "words"]

STARTS = 5
"""Fresh processes per model whose start is timed: as many as an exact one-sided 95 % limit of the median needs."""


@dataclass(frozen=True)
class Lengths:
    """Texts of a column about as long as a quantile of the data's."""

    column: str
    by: LengthUnit
    quantile: float


@dataclass(frozen=True)
class InputSize:
    """One size of input: examples per request and, where asked for, how long their texts are."""

    batch: int = 1
    lengths: Lengths | None = None

    def __str__(self) -> str:
        """`batch 32, text at q0.95 of its characters`."""
        if self.lengths is None:
            return f"batch {self.batch}"
        return f"batch {self.batch}, {self.lengths.column} at q{self.lengths.quantile:g} of its {self.lengths.by}"


@dataclass(frozen=True)
class TimingPlan:
    """What a check wants timed.

    `calls`: requests per block, None to choose them by what a request takes, but not fewer than `fewest_calls`.
    `starts`: fresh processes per model whose start is timed, 0 for none.
    """

    sizes: tuple[InputSize, ...]
    rounds: int
    calls: int | None
    fewest_calls: int
    starts: int = 0

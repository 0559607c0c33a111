"""What a suite may say about a candidate's speed."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from harness.catalogue import Parameters
from harness.catalogue.parameters import ChangeField, RatioField, SecondsField
from harness.checks.parameters import OnInconclusive
from harness.core.timing import InputSize, Lengths
from harness.core.units import Change
from harness.stats import FEWEST_ROUNDS

INCREASES = ("max_p50_increase", "max_p90_increase", "max_p95_increase", "max_p99_increase")
CEILINGS = ("max_p50", "max_p90", "max_p95", "max_p99")
STARTS = ("max_cold_start", "max_load_time")
LIMITS = (*INCREASES, *CEILINGS, "min_speedup", *STARTS)

Quantile = Annotated[float, Field(gt=0, le=1)]


class LengthsParameters(Parameters):
    """Input sizes as quantiles of how long the texts of a column are."""

    column: str = Field(description="a column of texts")
    by: Literal["characters", "bytes", "words"] = Field(default="characters", description="what their length is counted in")
    quantiles: tuple[Quantile, ...] = Field(
        default=(0.5, 0.95), min_length=1, max_length=20, description="one input size for each: 0.5 are texts of median length"
    )


class LatencyParameters(Parameters):
    """How fast the candidate has to be, beside the original and absolutely."""

    max_p50_increase: ChangeField | None = Field(default=None, description="how much slower the median may be (5%rel)")
    max_p90_increase: ChangeField | None = Field(default=None, description="how much slower the 90th percentile may be")
    max_p95_increase: ChangeField | None = Field(default=None, description="how much slower the 95th percentile may be (0%rel)")
    max_p99_increase: ChangeField | None = Field(default=None, description="how much slower the 99th percentile may be")
    min_speedup: RatioField | None = Field(default=None, description="how many times as fast the median must be (1.5x)")
    max_p50: SecondsField | None = Field(default=None, description="ceiling of the median (20ms)")
    max_p90: SecondsField | None = Field(default=None, description="ceiling of the 90th percentile")
    max_p95: SecondsField | None = Field(default=None, description="ceiling of the 95th percentile")
    max_p99: SecondsField | None = Field(default=None, description="ceiling of the 99th percentile (300ms)")
    max_cold_start: SecondsField | None = Field(default=None, description="from the start of a process to its first answer (2s)")
    max_load_time: SecondsField | None = Field(default=None, description="to load the model in a fresh process (1s)")
    batch_sizes: tuple[Annotated[int, Field(ge=1, le=65_536)], ...] = Field(
        default=(1,), min_length=1, max_length=20, description="examples per request; every size is judged"
    )
    lengths: LengthsParameters | None = Field(default=None, description="texts of these lengths, each an input size")
    rounds: int = Field(default=8, ge=FEWEST_ROUNDS, le=1_000, description="interleaved rounds of two blocks per model")
    calls: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None, description="requests per block that are kept; chosen so that a size takes a few seconds unless given"
    )
    level: float = Field(default=0.90, gt=0, lt=1, description="of the two-sided confidence intervals")
    on_inconclusive: OnInconclusive = Field(default_factory=OnInconclusive, description="fail or warn")

    @field_validator(*INCREASES, mode="before")
    @classmethod
    def _not_points(cls, value: object) -> object:
        if isinstance(value, str) and value.rstrip().endswith("%"):
            raise ValueError(f"{value}: an increase is per cent of the original's value; write {value.strip()}rel")
        return value

    @field_validator(*INCREASES)
    @classmethod
    def _relative(cls, value: Change | None) -> Change | None:
        if value is not None and value.unit != "%rel":
            raise ValueError(
                "an increase is per cent of the original's value; write for instance 5%rel, or a ceiling such as max_p95: 20ms"
            )
        return value

    @field_validator("min_speedup")
    @classmethod
    def _some_speed(cls, value: float | None) -> float | None:
        if value == 0:
            raise ValueError("min_speedup: 0x asks for nothing; write for instance 1.5x")
        return value

    @field_validator("batch_sizes")
    @classmethod
    def _once(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) < len(value):
            raise ValueError("batch_sizes names a size twice")
        return value

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if all(getattr(self, name) is None for name in LIMITS):
            raise ValueError("latency has no limit; write for instance max_p95_increase: 0%rel, min_speedup: 1.5x or max_p99: 300ms")
        return self

    def sizes(self) -> tuple[InputSize, ...]:
        """Every input size: batch sizes × lengths."""
        if self.lengths is None:
            return tuple(InputSize(batch) for batch in self.batch_sizes)
        found = self.lengths
        return tuple(
            InputSize(batch, Lengths(found.column, found.by, quantile)) for batch in self.batch_sizes for quantile in found.quantiles
        )

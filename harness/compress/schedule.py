"""Gradual steps: how a number goes from one value to another, when to stop, and how the network is trained in between."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from harness.catalogue import Parameters
from harness.catalogue.parameters import ChangeField, ShareField
from harness.core.units import Change
from harness.ports.compress import Rows, StopRule


def _not_relative(value: Change) -> Change:
    if value.unit == "%rel":
        raise ValueError(f"{value} is relative; say how much may be lost in points (0.5pp) or in the metric's own unit")
    return value


DropField = Annotated[ChangeField, AfterValidator(_not_relative)]
"""An observed loss: `0.5pp`, or a number in the metric's own unit."""


class FinetuneParameters(Parameters):
    """How a network is trained after it was changed."""

    data: str = Field(min_length=1, description="Name of a data set of the suite; never the one that is tested on.")
    epochs: int = Field(default=1, ge=1, description="How often every row is seen.")
    rows: int | None = Field(default=None, ge=1, description="Rows to train on, spread over the data; all of them by default.")
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0, description="At its highest; it falls to zero along a cosine.")
    weight_decay: float = Field(default=0.0, ge=0)
    batch_size: int = Field(default=64, ge=1)

    @property
    def lessons(self) -> Rows:
        """The rows it trains on."""
        return Rows(self.data, "train", self.rows)


class RampParameters(Parameters):
    """A number that goes from one value to another in some steps."""

    start: ShareField = Field(default=0.0, alias="from", description="The value before the first step.")
    end: ShareField = Field(alias="to", description="The value after the last step.")
    steps: int = Field(default=1, ge=1, le=1000)
    curve: Literal["linear", "cubic"] = Field(default="cubic", description="cubic goes fast at first and slowly at the end.")

    @model_validator(mode="after")
    def _upwards(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"from: {self.start:g} must lie below to: {self.end:g}")
        return self

    def values(self) -> tuple[float, ...]:
        """The value after each step. Cubic: e + (s - e)(1 - t)³, Zhu and Gupta 2017 (arXiv:1710.01878).

        >>> [round(value, 3) for value in RampParameters(**{"from": 0, "to": 0.8, "steps": 4}).values()]
        [0.463, 0.7, 0.788, 0.8]
        """
        power = 3 if self.curve == "cubic" else 1
        made = (self.end + (self.start - self.end) * (1 - step / self.steps) ** power for step in range(1, self.steps + 1))
        return tuple(min(max(value, 0.0), 1.0) for value in made)


class GradualParameters(Parameters):
    """What every gradual step understands."""

    finetune: FinetuneParameters | None = Field(default=None, description="Train after each stage.")
    validate_on: str | None = Field(
        default=None, alias="validate", description="Data set on which the loss of a stage is observed; never the one that is tested on."
    )
    stop_if_drop: DropField | None = Field(
        default=None, description="Undo a stage that lost more than this since the stage before, and stop."
    )
    max_total_drop: DropField | None = Field(default=None, description="Undo a stage after which more than this is lost in all, and stop.")

    @model_validator(mode="after")
    def _observed_somewhere(self) -> Self:
        limited = self.stop_if_drop is not None or self.max_total_drop is not None
        if limited and self.validate_on is None:
            raise ValueError(
                "stop_if_drop and max_total_drop need rows to observe the loss on; write validate: with the name of a data set"
            )
        if self.validate_on is not None and not limited:
            raise ValueError("validate means nothing without stop_if_drop or max_total_drop")
        return self

    @property
    def rows(self) -> tuple[Rows, ...]:
        """The rows it trains on and is observed on."""
        trained = (self.finetune.lessons,) if self.finetune else ()
        return (*trained, Rows(self.validate_on, "validate")) if self.validate_on else trained

    @property
    def rule(self) -> StopRule | None:
        """When the schedule ends early."""
        if self.validate_on is None:
            return None
        return StopRule(self.validate_on, _amount(self.stop_if_drop), _amount(self.max_total_drop))


def _amount(change: Change | None) -> float | None:
    return None if change is None else change.amount

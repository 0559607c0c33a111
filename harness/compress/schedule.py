"""Gradual steps: how a number goes from one value to another, when to stop, and how the network is trained in between."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from harness.catalogue import Parameters
from harness.catalogue.parameters import ChangeField, ShareField
from harness.core.units import Change, parse_share
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


Curve = Literal["linear", "cubic"]


class RampParameters(Parameters):
    """A share that goes from one value to another: `from` is the first stage's, `to` the last one's."""

    start: ShareField = Field(alias="from", description="The share after the first stage.")
    end: ShareField = Field(alias="to", description="The share after the last stage.")
    steps: int = Field(ge=2, le=1000, description="Stages, the first and the last counted.")
    curve: Curve = Field(default="cubic", description="cubic goes fast at first and slowly at the end.")

    @model_validator(mode="after")
    def _upwards(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"from: {self.start:g} must lie below to: {self.end:g}")
        return self

    def values(self) -> tuple[float, ...]:
        """The share after each stage.

        >>> [round(value, 3) for value in RampParameters(**{"from": 0.1, "to": 0.8, "steps": 6}).values()]
        [0.1, 0.442, 0.649, 0.755, 0.794, 0.8]
        """
        return tuple(ramp(self.start, self.end, stage / (self.steps - 1), self.curve) for stage in range(self.steps))


def ramp(start: float, end: float, done: float, curve: Curve) -> float:
    """The value when the part `done` (0 to 1) of the way is behind. Cubic: e + (s - e)(1 - t)³, Zhu and Gupta 2017 (arXiv:1710.01878).

    >>> ramp(0.0, 0.8, 0.5, "linear"), round(ramp(0.0, 0.8, 0.5, "cubic"), 3)
    (0.4, 0.7)
    """
    return end + (start - end) * (1 - done) ** (3 if curve == "cubic" else 1)


def _share_or_ramp(value: object) -> object:
    """Decided here, so that a mistake is told once and not for every form the value might have had."""
    return (
        RampParameters.model_validate(value)
        if isinstance(value, dict)
        else value
        if isinstance(value, RampParameters)
        else parse_share(value)
    )


RampField = Annotated[ShareField | RampParameters, BeforeValidator(_share_or_ramp)]
"""A share, or a ramp of shares."""


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

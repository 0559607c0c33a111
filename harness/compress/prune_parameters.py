"""What a suite may say about the technique `prune`."""

from __future__ import annotations

from math import gcd
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from harness.compress.parameters import CalibrateParameters
from harness.compress.schedule import GradualParameters, RampField, RampParameters, ramp
from harness.errors import ModelError

Unit = Literal["weight", "2:4", "channel", "head", "block"]


class PruneParameters(GradualParameters):
    """Takes away what contributes least.

    `weight` sets single weights to zero, `2:4` two of every four along the inputs; both leave shapes as they are. `channel`
    (of convolutions and linear layers), `head` (of attention) and `block` (of a list of equal blocks) make the network smaller.
    """

    unit: Unit = "weight"
    sparsity: RampField | None = Field(default=None, description="Share to take away, or {from, to, steps, curve}.")
    steps: int = Field(default=1, ge=1, description="Stages in which that share is reached.")
    by: Literal["magnitude", "gradient"] = Field(
        default="magnitude", description="What tells how much a weight contributes: its size, or the loss its removal would cost (Taylor)."
    )
    scope: Literal["global", "layer"] = Field(
        default="layer", description="Whether the share holds for each layer or only for all together."
    )
    multiple: int = Field(
        default=1,
        ge=1,
        description="For unit: channel, as many channels stay as make a multiple of this: runtimes compute in blocks of 8 or 16 channels, "
        "and slower in what is none.",
    )
    gradients: CalibrateParameters | None = Field(default=None, description="Rows whose loss gives the gradients, for by: gradient.")
    calibrate: CalibrateParameters | None = Field(
        default=None, description="Rows on which the influence of blocks is seen, for unit: block with sparsity."
    )
    blocks: str | None = Field(default=None, description="Path of the list of blocks, for unit: block; the longest list by default.")
    keep: tuple[int, ...] | None = Field(
        default=None, description="Numbers of the blocks that stay, for unit: block, in place of sparsity."
    )
    exclude: tuple[str, ...] = Field(default=(), description="Names of layers to leave alone.")

    @field_validator("sparsity")
    @classmethod
    def _something_stays(cls, value: float | RampParameters | None) -> float | RampParameters | None:
        end = value.end if isinstance(value, RampParameters) else value
        if end is not None and not 0 < end < 1:
            raise ValueError(f"sparsity: {end:g} must lie between 0 and 1, both excluded; write for instance 60%")
        return value

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.unit == "2:4" and self.sparsity is not None:
            raise ValueError("unit: 2:4 always takes away half; leave sparsity out")
        if "steps" in self.model_fields_set and (self.unit == "2:4" or self.keep is not None):
            raise ValueError("steps belongs to a sparsity; 2:4 and keep are reached at once, so leave it out")
        if self.unit == "2:4" and self.scope == "global":
            raise ValueError("scope: global has no effect with unit: 2:4; leave scope out")
        if self.unit != "2:4" and (self.sparsity is None) == (self.keep is None):
            raise ValueError(
                "say how much to take away, for instance sparsity: 60%" if self.keep is None else "give either sparsity or keep"
            )
        if (self.keep is not None or self.blocks is not None) and self.unit != "block":
            raise ValueError("keep and blocks belong to unit: block")
        if (self.calibrate is not None) != (self.unit == "block" and self.sparsity is not None):
            raise ValueError("unit: block with sparsity, and nothing else, looks at rows: calibrate: {data: …, rows: …}")
        if self.unit == "block" and self.exclude:
            raise ValueError("exclude has no effect with unit: block; say by keep: which blocks stay")
        if self.unit in ("head", "block") and self.by == "gradient":
            raise ValueError(f"by: gradient has no effect with unit: {self.unit}; leave by and gradients out")
        if self.unit in ("head", "block") and self.scope == "global":
            raise ValueError(f"scope: global has no effect with unit: {self.unit}; leave scope out")
        if "multiple" in self.model_fields_set and (self.unit != "channel" or self.scope == "global"):
            raise ValueError("multiple belongs to unit: channel with scope: layer; leave it out")
        if isinstance(self.sparsity, RampParameters) and "steps" in self.model_fields_set:
            raise ValueError("steps stands in sparsity: {from, to, steps} already; write it once")
        if (self.by == "gradient") != (self.gradients is not None):
            raise ValueError("by: gradient and gradients: {data: …, rows: …} belong together")
        return self

    def shares(self) -> tuple[float, ...]:
        """The share taken away after each stage."""
        if self.unit == "2:4":
            return (0.5,)
        if isinstance(self.sparsity, RampParameters):
            return self.sparsity.values()
        if self.sparsity is None:
            return (0.0,)
        return tuple(ramp(0.0, self.sparsity, stage / self.steps, "cubic") for stage in range(1, self.steps + 1))


class PruneStage(PruneParameters):
    """One stage of a schedule: `share` of what there was before the first one is gone after it."""

    share: float = 0.0
    stage: int = 1
    stages: int = 1

    def left(self, original: int, parts: int = 1) -> int:
        """How many stay of those that were there before the first stage, in each of `parts` equal parts of a grouped layer.

        >>> PruneStage.model_construct(share=0.8).left(32), PruneStage.model_construct(share=0.8, multiple=8).left(32)
        (6, 8)
        """
        kept = max(1, original - round(self.share * original))
        multiple = self.multiple // gcd(self.multiple, parts)
        return min(original, -(-kept // multiple) * multiple)

    def nothing(self, why: str, *, changed_before: bool) -> str:
        """The note of a stage that takes nothing; `ModelError` when that was the last one and none before it took anything."""
        if self.stage == self.stages and not changed_before:
            raise ModelError(why)
        return f"stage {self.stage} of {self.stages} takes nothing: {why}"

"""Parameters that several kinds of check share."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from harness.catalogue import Parameters
from harness.catalogue.parameters import ChangeField, ShareField
from harness.core.outcome import Outcome
from harness.core.segment import SegmentRule


class SegmentParameters(Parameters):
    """What a check asks of one segmentation."""

    critical: bool | list[str] = Field(
        default=False, description="segments that must neither vanish nor stay unproven; true for all of them"
    )
    max_drop: ChangeField | None = Field(default=None, description="another margin for these segments")

    def rule(self) -> SegmentRule:
        """The same as core data."""
        critical: tuple[str, ...] | Literal["all", "none"]
        critical = ("all" if self.critical else "none") if isinstance(self.critical, bool) else tuple(self.critical)
        return SegmentRule(critical=critical, max_drop=self.max_drop)


class OnInconclusive(Parameters):
    """Whether an INCONCLUSIVE verdict fails the run or is a warning."""

    whole: Literal["fail", "warn"] = "fail"
    critical: Literal["fail", "warn"] = "fail"
    other: Literal["fail", "warn"] = "warn"

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, value: Any) -> Any:
        return {"whole": value, "critical": value, "other": value} if value in ("fail", "warn") else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The one word stands in the schema too."""
        return {"anyOf": [handler(schema), {"enum": ["fail", "warn"]}]}


class CommonParameters(Parameters):
    """What every check over examples understands."""

    segments: dict[str, SegmentParameters] = Field(
        default_factory=dict, description="segmentations judged one by one, with what is special to each"
    )
    on_inconclusive: OnInconclusive = Field(
        default_factory=OnInconclusive, description="fail or warn, for the whole, critical and other segments"
    )
    max_unproven: ShareField = Field(default=0.5, description="fail a check when a larger share of its segments could not be judged")

    def rules(self) -> dict[str, SegmentRule]:
        """The segmentations with their rules as core data."""
        return {name: parameters.rule() for name, parameters in self.segments.items()}


class DriftDefaults(OnInconclusive):
    """Drift warns on INCONCLUSIVE."""

    whole: Literal["fail", "warn"] = "warn"
    critical: Literal["fail", "warn"] = "warn"


def blocks(outcome: Outcome, policy: OnInconclusive, *, whole: bool, critical: bool) -> bool:
    """Whether a verdict with this outcome fails the run."""
    if outcome is Outcome.INCONCLUSIVE:
        return (policy.whole if whole else policy.critical if critical else policy.other) == "fail"
    return outcome in (Outcome.FAIL, Outcome.INVALID, Outcome.ERROR)

"""What a suite may say about the technique `distill`."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from harness.catalogue import Parameters
from harness.catalogue.parameters import ShareField
from harness.compress.schedule import FinetuneParameters


class StudentParameters(Parameters):
    """Who learns: a network of a factory, or the original with fewer blocks or narrower layers."""

    factory: str | None = Field(default=None, pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", description="module:function that builds it.")
    kwargs: dict[str, Any] = Field(default_factory=dict, description="What the factory is called with.")
    blocks: ShareField | None = Field(default=None, description="Share of the blocks of the original that stay.")
    width: ShareField | None = Field(default=None, description="Share of the channels of the original that stay.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ("factory", "blocks", "width") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"say who the student is by one of factory, blocks or width; found {' and '.join(given) or 'none of them'}")
        for name in ("blocks", "width"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise ValueError(f"{name}: {value:g} must lie between 0 and 1, both excluded; write for instance 50%")
        if self.kwargs and self.factory is None:
            raise ValueError("kwargs belong to a factory")
        return self


class DistillParameters(Parameters):
    """Trains a student on the teacher's softened answers and the true ones (Hinton, Vinyals and Dean 2015, arXiv:1503.02531).

    The loss is mix · T² · KL(teacher ‖ student), both softened by temperature T, plus (1 − mix) · the task's own loss. Where
    answers are numbers or vectors, the first part is the mean squared error between both.
    """

    student: StudentParameters
    train: FinetuneParameters
    temperature: float = Field(default=2.0, gt=0, le=100)
    mix: ShareField = Field(default=0.7, description="Weight of the teacher's answers against the true ones; 0 trains the student alone.")

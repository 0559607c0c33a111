"""The technique `factorize`: a weight becomes a product of smaller ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from harness.catalogue import Parameters
from harness.catalogue.parameters import ShareField
from harness.compress.schedule import FinetuneParameters
from harness.compress.technique import OneStage
from harness.ports.compress import Form, Rows, StepContext, StepReport


class FactorizeParameters(Parameters):
    """Weights as products of smaller ones: `svd` for linear layers and embeddings, `tucker` and `cp` for convolutions too.

    How small is said by one of `rank`, `ratio` (of the largest rank) and `energy` (of the sum of squares that is kept).
    A layer that would grow is left alone.
    """

    method: Literal["svd", "tucker", "cp"] = "svd"
    rank: int | None = Field(default=None, ge=1)
    ratio: ShareField | None = Field(default=None, description="Rank as a share of the layer's largest.")
    energy: ShareField | None = Field(default=None, description="Share of the sum of squares that is kept; for svd and tucker.")
    only: tuple[str, ...] | None = Field(default=None, description="Names of the layers to factorize; all that can be by default.")
    exclude: tuple[str, ...] = Field(default=(), description="Names of layers to leave alone.")
    finetune: FinetuneParameters | None = Field(default=None, description="Train afterwards.")

    @field_validator("ratio", "energy")
    @classmethod
    def _a_part(cls, value: float | None) -> float | None:
        if value is not None and not 0 < value <= 1:
            raise ValueError("must lie above 0 and be at most 1; write for instance 50%")
        return value

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        given = [name for name in ("rank", "ratio", "energy") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"say how small by one of rank, ratio or energy; found {' and '.join(given) or 'none of them'}")
        if self.method == "cp" and self.energy is not None:
            raise ValueError("cp has no ranks that energy could choose between; give rank or ratio")
        return self


class Factorize(OneStage):
    """Any method on a torch network; svd of matrix products on an ONNX graph."""

    works_on = "torch; svd also ONNX"
    needs = "the weights; rows with answers for finetune"

    def forms(self, parameters: FactorizeParameters) -> tuple[Form, ...]:
        """See `Technique.forms`."""
        return ("torch", "onnx") if parameters.method == "svd" and parameters.finetune is None else ("torch",)

    def data(self, parameters: FactorizeParameters) -> tuple[Rows, ...]:
        """See `Technique.data`."""
        return (parameters.finetune.lessons,) if parameters.finetune else ()

    def transform(self, network: Any, parameters: FactorizeParameters, context: StepContext) -> StepReport:
        """See `Technique.transform`."""
        from harness.compress import torch_factorize  # noqa: PLC0415  # imports torch

        return torch_factorize.factorize(network, parameters, context)

    def apply(self, source: Path, target: Path, parameters: FactorizeParameters, context: StepContext) -> StepReport:
        """See `Technique.apply`."""
        from harness.compress import onnx_factorize  # noqa: PLC0415  # only a process that makes a model needs it

        return onnx_factorize.factorize(source, target, parameters)

"""What a suite may say about the technique `factorize`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from harness.catalogue import Parameters
from harness.catalogue.parameters import ShareField
from harness.compress.schedule import FinetuneParameters


class FactorizeParameters(Parameters):
    """Weights as products of smaller ones: `svd` of matrices, `tucker` and `cp` of tensors.

    Tensors are the weights of convolutions, and those of linear layers and embeddings when their sizes are split in two: outputs ×
    inputs into o₁ × o₂ × i₁ × i₂. How small is said by one of `rank`, `ratio` (of the largest rank) and `energy` (of the sum of
    squares that is kept). A layer that would grow is left alone.
    """

    method: Literal["svd", "tucker", "cp"] = "svd"
    rank: int | None = Field(default=None, ge=1)
    ratio: ShareField | None = Field(
        default=None, description="Rank as a share of the largest, which each mode of a tensor has its own of."
    )
    energy: ShareField | None = Field(
        default=None,
        description="Share of the sum of squares that is kept; for svd and tucker. Tucker keeps it in each mode by itself, so that of "
        "two modes at 90 % at least 80 % of the whole is kept, of four at least 60 %.",
    )
    linear: Literal["tensor", "svd"] | None = Field(
        default=None,
        description="Under tucker and cp: linear layers and embeddings as tensors (default), or as matrices by svd.",
    )
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
        if self.method == "svd" and self.linear == "tensor":
            raise ValueError("linear: tensor needs method tucker or cp; svd takes matrices")
        return self

    @property
    def reshapes(self) -> bool:
        """Whether linear layers and embeddings become tensors."""
        return self.method != "svd" and self.linear != "svd"

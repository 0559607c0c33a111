"""What a suite may say about the technique `lottery`."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from harness.catalogue.parameters import ShareField
from harness.compress.schedule import FinetuneParameters, GradualParameters


class LotteryParameters(GradualParameters):
    """In each round the smallest weights of the trained network go, the others return to what they were, and are trained anew.

    The first round trains the whole network as its factory makes it from the seed: the given weights began elsewhere, and their
    mask on this initialisation would be the paper's control, not the lottery. The weights that are left return to the state
    after `rewind` epochs of that first training: 0 is the initialisation (Frankle and Carbin 2019, arXiv:1803.03635), more is
    stabler for deep networks (Frankle et al. 2020, arXiv:1912.05671).
    """

    sparsity: ShareField = Field(description="Share of the weights that are gone after the last round.")
    rounds: int = Field(default=5, ge=1, le=100)
    rewind: int = Field(default=0, ge=0, description="Epochs of the first training after which the kept state was taken.")
    finetune: FinetuneParameters = Field(description="How the network is trained in each round.")
    exclude: tuple[str, ...] = Field(default=(), description="Names of layers to leave alone.")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if not 0 < self.sparsity < 1:
            raise ValueError(f"sparsity: {self.sparsity:g} must lie between 0 and 1, both excluded; write for instance 80%")
        if self.rewind >= self.finetune.epochs:
            raise ValueError(f"rewind: {self.rewind} must be less than the {self.finetune.epochs} epochs of finetune")
        return self


class LotteryRound(LotteryParameters):
    """One round: `share` of the weights is gone after it. Before the `first`, the network is trained whole."""

    share: float = 0.0
    first: bool = False

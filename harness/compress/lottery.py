"""The technique `lottery`: iterative magnitude pruning with rewinding finds a sparse network that trains well by itself."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from harness.catalogue.parameters import ShareField
from harness.compress.schedule import FinetuneParameters, GradualParameters
from harness.compress.technique import TorchTechnique
from harness.errors import UsageError
from harness.ports.compress import Rows, StepContext, StepReport, StopRule


class LotteryParameters(GradualParameters):
    """In each round the smallest weights of the trained network go, the others return to what they were, and are trained anew.

    They return to the state after `rewind` epochs of the first training: 0 is the initialisation (Frankle and Carbin 2019,
    arXiv:1803.03635), more is stabler for deep networks (Frankle et al. 2020, arXiv:1912.05671).
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
    """One round: `share` of the weights is gone after it."""

    share: float = 0.0


class Lottery(TorchTechnique):
    """Needs a factory: the network before any training."""

    works_on = "torch, from a factory"
    needs = "training rows with answers, gradients"

    def data(self, parameters: LotteryParameters) -> tuple[Rows, ...]:
        """See `Technique.data`."""
        return parameters.rows

    def stages(self, parameters: LotteryParameters) -> tuple[LotteryRound, ...]:
        """See `Technique.stages`: the same share of what is left goes in each round."""
        left = 1 - parameters.sparsity
        shares = [1 - left ** (number / parameters.rounds) for number in range(1, parameters.rounds + 1)]
        return tuple(LotteryRound.model_construct(**dict(parameters), share=share) for share in shares)

    def stop_rule(self, parameters: LotteryParameters) -> StopRule | None:
        """See `Technique.stop_rule`."""
        return parameters.rule

    def transform(self, network: Any, parameters: LotteryParameters, context: StepContext) -> StepReport:
        """See `Technique.transform`."""
        from harness.compress import torch_lottery  # noqa: PLC0415  # imports torch

        if not isinstance(parameters, LotteryRound):
            raise UsageError("lottery works on its rounds, one after the other")
        return torch_lottery.play(network, parameters, context)

"""The technique `lottery`: iterative magnitude pruning with rewinding finds a sparse network that trains well by itself."""

from __future__ import annotations

from typing import Any

from harness.compress.lottery_parameters import LotteryParameters, LotteryRound
from harness.compress.technique import TorchTechnique
from harness.errors import UsageError
from harness.ports.compress import Rows, StepContext, StepReport, StopRule


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
        return tuple(LotteryRound.model_construct(**dict(parameters), share=share, first=not number) for number, share in enumerate(shares))

    def stop_rule(self, parameters: LotteryParameters) -> StopRule | None:
        """See `Technique.stop_rule`."""
        return parameters.rule

    def transform(self, network: Any, parameters: LotteryParameters, context: StepContext) -> StepReport:
        """See `Technique.transform`."""
        from harness.compress import torch_lottery  # noqa: PLC0415  # imports torch

        if not isinstance(parameters, LotteryRound):
            raise UsageError("lottery works on its rounds, one after the other")
        return torch_lottery.play(network, parameters, context)

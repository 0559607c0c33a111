"""The technique `prune`: weights, channels, attention heads or whole blocks that contribute least are taken away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.compress.prune_parameters import PruneParameters, PruneStage
from harness.compress.technique import OneStage
from harness.errors import UsageError
from harness.ports.compress import Form, Rows, StepContext, StepReport, StopRule


class Prune(OneStage):
    """Weights of a torch network or an ONNX graph; channels, heads and blocks of a torch network."""

    works_on = "torch; weights and 2:4 also ONNX"
    needs = "the weights; rows for blocks; rows with answers for by: gradient and finetune"

    def forms(self, parameters: PruneParameters) -> tuple[Form, ...]:
        """See `Technique.forms`."""
        on_graph = parameters.unit in ("weight", "2:4") and parameters.by == "magnitude" and parameters.finetune is None
        return ("torch", "onnx") if on_graph else ("torch",)

    def data(self, parameters: PruneParameters) -> tuple[Rows, ...]:
        """See `Technique.data`."""
        gradients, seen = parameters.gradients, parameters.calibrate
        read = (Rows(gradients.data, "train", gradients.rows),) if gradients else ()
        return (*parameters.rows, *read, *((Rows(seen.data, "calibrate", seen.rows),) if seen else ()))

    def stages(self, parameters: PruneParameters) -> tuple[PruneStage, ...]:
        """See `Technique.stages`."""
        shares = parameters.shares()
        return tuple(
            PruneStage.model_construct(**dict(parameters), share=share, stage=stage, stages=len(shares))
            for stage, share in enumerate(shares, start=1)
        )

    def stop_rule(self, parameters: PruneParameters) -> StopRule | None:
        """See `Technique.stop_rule`."""
        return parameters.rule

    def transform(self, network: Any, parameters: PruneParameters, context: StepContext) -> StepReport:
        """See `Technique.transform`."""
        from harness.compress import torch_prune  # noqa: PLC0415  # imports torch

        return torch_prune.prune(network, _stage(parameters), context)

    def apply(self, source: Path, target: Path, parameters: PruneParameters, context: StepContext) -> StepReport:
        """See `Technique.apply`."""
        from harness.compress import onnx_prune  # noqa: PLC0415  # only a process that makes a model needs it

        return onnx_prune.prune(source, target, _stage(parameters))


def _stage(parameters: PruneParameters) -> PruneStage:
    if not isinstance(parameters, PruneStage):
        raise UsageError("prune works on the stages of its schedule, one after the other")
    return parameters

"""The technique `distill`: a smaller network learns to answer like the larger one."""

from __future__ import annotations

from typing import Any

from harness.compress.distill_parameters import DistillParameters
from harness.compress.technique import TorchTechnique
from harness.ports.compress import Rows, StepContext, StepReport


class Distill(TorchTechnique):
    """Works on any network whose task can be trained."""

    needs = "training rows with answers, gradients"

    def data(self, parameters: DistillParameters) -> tuple[Rows, ...]:
        """See `Technique.data`."""
        return (parameters.train.lessons,)

    def modules(self, parameters: DistillParameters) -> tuple[str, ...]:
        """See `Technique.modules`."""
        return (parameters.student.factory,) if parameters.student.factory else ()

    def transform(self, network: Any, parameters: DistillParameters, context: StepContext) -> StepReport:
        """See `Technique.transform`."""
        from harness.compress import torch_distill  # noqa: PLC0415  # imports torch

        return torch_distill.distill(network, parameters, context)

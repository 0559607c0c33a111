"""The technique `factorize`: a weight becomes a product of smaller ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.compress.factorize_parameters import FactorizeParameters
from harness.compress.technique import OneStage
from harness.ports.compress import Form, Rows, StepContext, StepReport


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

"""The technique `export`: from the torch network to a file, proved on real rows to answer alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from harness.catalogue import Parameters
from harness.compress.technique import OneStage
from harness.ports.compress import Form, StepContext, StepReport

TOLERANCE = 1e-3
"""Largest difference, as a share of the largest answer or of one: float32 sums in another order stay far below."""


class ExportParameters(Parameters):
    """The network as a file. Put in by itself where a pipeline goes from techniques for torch to techniques for ONNX."""

    to: Literal["onnx", "program"] = Field(default="onnx", description="onnx, or a torch program (.pt2) that torch runs")
    opset: int | None = Field(default=None, ge=18, description="operator set of the ONNX file; by default what torch prefers")
    tolerance: float = Field(
        default=TOLERANCE, gt=0, description="largest difference from torch's answers, as a share of the largest answer or of one"
    )


class Export(OneStage):
    """Writes the network; what it answers on real rows must be what torch answers."""

    needs = "real rows to prove it on"

    def forms(self, parameters: ExportParameters) -> tuple[Form, ...]:
        """See `Technique.forms`."""
        return ("torch to onnx",) if parameters.to == "onnx" else ("torch to program",)

    def lower(self, network: Any, target: Path, parameters: ExportParameters, context: StepContext) -> StepReport:
        """See `Technique.lower`; `ModelError` when torch cannot export it, or the file answers otherwise."""
        from harness.compress import torch_export  # noqa: PLC0415  # imports torch

        if parameters.to == "program":
            return StepReport(notes=torch_export.export_program(network, target))
        return StepReport(notes=torch_export.export(network, target, parameters.opset, parameters.tolerance))

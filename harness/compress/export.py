"""The technique `export`: from the torch network to a file, proved on real rows to answer alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.compress.export_parameters import ExportParameters
from harness.compress.technique import OneStage
from harness.ports.compress import Form, StepContext, StepReport


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
            from harness.compress import torch_program  # noqa: PLC0415  # imports torch

            return torch_program.export(network, target, parameters)
        return StepReport(notes=torch_export.export(network, target, parameters.opset, parameters.tolerance))

"""Classes for techniques to derive from: they answer everything but the work itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.ports.compress import Form, Rows, StepContext, StepReport, StopRule


class OneStage:
    """A technique that learns from no data and has no schedule."""

    works_on = "torch"
    needs = "the weights alone"

    def data(self, parameters: Any) -> tuple[Rows, ...]:
        """See `Technique.data`."""
        return ()

    def modules(self, parameters: Any) -> tuple[str, ...]:
        """See `Technique.modules`."""
        return ()

    def stages(self, parameters: Any) -> tuple[Any, ...]:
        """See `Technique.stages`."""
        return (parameters,)

    def stop_rule(self, parameters: Any) -> StopRule | None:
        """See `Technique.stop_rule`."""
        return None

    def apply(self, source: Path, target: Path, parameters: Any, context: StepContext) -> StepReport:
        """See `Technique.apply`."""
        raise NotImplementedError

    def transform(self, network: Any, parameters: Any, context: StepContext) -> StepReport:
        """See `Technique.transform`."""
        raise NotImplementedError

    def lower(self, network: Any, target: Path, parameters: Any, context: StepContext) -> StepReport:
        """See `Technique.lower`."""
        raise NotImplementedError


class OnnxTechnique(OneStage):
    """Works on ONNX files: say how in `apply`."""

    works_on = "torch (exported), ONNX"

    def forms(self, parameters: Any) -> tuple[Form, ...]:
        """See `Technique.forms`."""
        return ("onnx",)


class TorchTechnique(OneStage):
    """Works on torch networks: say how in `transform`."""

    def forms(self, parameters: Any) -> tuple[Form, ...]:
        """See `Technique.forms`."""
        return ("torch",)

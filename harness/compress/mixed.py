"""The technique `mixed`: quantize everything but the layers that cannot bear it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from harness.catalogue import Parameters
from harness.compress.parameters import QuantizeParameters
from harness.compress.schedule import DropField
from harness.compress.technique import OnnxTechnique
from harness.ports.compress import Rows, StepContext, StepReport


class MixedParameters(Parameters):
    """Mixed precision: the most sensitive layers stay as they are, or get more bits, until the loss is within `max_drop`.

    Each layer is quantized alone, and the layers are ordered by what that does to the answers. Then bisection finds the
    fewest of the most sensitive ones that have to stay, with one evaluation of the metric per halving.
    """

    quantize: QuantizeParameters = Field(description="How layers are quantized, as for the technique quantize.")
    fallback: QuantizeParameters | None = Field(
        default=None, description="What sensitive layers get in place of floats, for instance {mode: weights, bits: 8}; mode weights only."
    )
    validate_on: str = Field(
        alias="validate", min_length=1, description="Data set on which losses are observed; never the one that is tested on."
    )
    max_drop: DropField = Field(description="The loss that is tolerated, observed.")
    by: Literal["output", "metric"] = Field(
        default="output",
        description="How the sensitivity of a layer is measured: by the change of the answers on some rows (KL divergence, or relative "
        "squared error), or by the metric on all rows, which takes one evaluation per layer.",
    )
    rows: int = Field(default=256, ge=1, description="Rows to measure the change of the answers on, for by: output.")

    @model_validator(mode="after")
    def _single_steps(self) -> Self:
        for name in ("quantize", "fallback"):
            step: QuantizeParameters | None = getattr(self, name)
            if step is not None and (len(step.widths) > 1 or step.rule is not None):
                raise ValueError(f"{name}: a schedule makes no sense within mixed; give one number of bits, and no limits")
        if self.fallback is not None and (self.fallback.mode != "weights" or self.fallback.engine != "onnx"):
            raise ValueError("fallback: only mode weights with engine onnx can be put on top of another quantization")
        if self.fallback is not None and self.fallback.exclude:
            raise ValueError("fallback: exclude stands in quantize, and holds for both; leave it out here")
        if self.by == "metric" and "rows" in self.model_fields_set:
            raise ValueError("rows means nothing with by: metric, which takes all rows; leave it out")
        return self


class Mixed(OnnxTechnique):
    """Any quantizer, with layers left out."""

    needs = "validation rows with answers; calibration rows where its quantizer needs them"

    def data(self, parameters: MixedParameters) -> tuple[Rows, ...]:
        """Rows to calibrate on, and those losses are observed on."""
        rows = parameters.quantize.calibrate
        calibrated = (Rows(rows.data, "calibrate", rows.rows),) if rows else ()
        return (*calibrated, Rows(parameters.validate_on, "validate"))

    def apply(self, source: Path, target: Path, parameters: MixedParameters, context: StepContext) -> StepReport:
        """Write the mixed model; `ModelError` when no layer can be quantized within the tolerated loss."""
        from harness.compress import onnx_mixed  # noqa: PLC0415  # only a process that makes a model needs it

        wish = onnx_mixed.Wish(
            parameters.quantize,
            parameters.fallback,
            parameters.validate_on,
            parameters.max_drop.amount,
            parameters.rows if parameters.by == "output" else None,
        )
        return onnx_mixed.mix(source, target, wish, context)

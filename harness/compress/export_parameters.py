"""What a suite may say about the technique `export`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from harness.catalogue import Parameters

TOLERANCE = 1e-3
"""Largest difference, as a share of the largest answer or of one: float32 sums in another order stay far below."""


class ExportParameters(Parameters):
    """The network as a file. Put in by itself where a pipeline goes from techniques for torch to techniques for ONNX."""

    to: Literal["onnx", "program"] = Field(default="onnx", description="onnx, or a torch program (.pt2) that torch runs")
    opset: int | None = Field(default=None, ge=18, description="operator set of the ONNX file; by default what torch prefers")
    tolerance: float = Field(
        default=TOLERANCE, gt=0, description="largest difference from torch's answers, as a share of the largest answer or of one"
    )
    dtype: Literal["fp32", "fp16", "bf16"] = Field(
        default="fp32", description="type of the weights and of the computation, for a program; inputs and answers stay what they are"
    )
    semi_structured: bool = Field(
        default=False,
        description="whether the program is run with the sparse products that NVIDIA GPUs have for the pattern 2:4; for a program",
    )

    @model_validator(mode="after")
    def _of_a_program(self) -> Self:
        given = sorted(self.model_fields_set & {"dtype", "semi_structured"})
        if self.to != "program" and given:
            raise ValueError(f"{given[0]} belongs to a program; write to: program, or for an ONNX graph the step cast: {{to: fp16}}")
        return self

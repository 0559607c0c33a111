"""What a suite may say about the technique `export`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

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

"""What a suite may say about each technique."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from harness.catalogue import Parameters

Mode = Literal["dynamic", "static", "weights"]
Granularity = Literal["channel", "tensor", "block"]

_MEANT_FOR: dict[str, tuple[Mode, ...]] = {
    "block": ("weights",),
    "calibrate": ("static",),
    "activations": ("static",),
    "weights": ("dynamic", "static"),
    "method": ("static",),
    "percentile": ("static",),
}


class CalibrateParameters(Parameters):
    """The rows whose activations decide the ranges of a static quantization."""

    data: str = Field(min_length=1, description="Name of a data set of the suite; never the one that is tested on.")
    rows: int = Field(default=256, ge=1, description="Rows to look at.")


class QuantizeParameters(Parameters):
    """Fewer bits for the weights, and in the modes dynamic and static for the activations too.

    `dynamic`: 8-bit arithmetic, the range of the activations is found anew in each batch. `static`: the same, with ranges
    found once on calibration rows. `weights`: weights are stored in few bits and turned back into floats when used.
    """

    mode: Mode
    bits: int = Field(default=8, ge=2, le=8, description="Bits of a weight; other than 8 only with mode weights.")
    per: Granularity = Field(default="channel", description="What shares one scale: an output channel, a whole tensor, or a block of it.")
    block: int = Field(default=32, ge=2, description="Weights in a block, for per: block.")
    calibrate: CalibrateParameters | None = Field(default=None, description="Needed by mode static.")
    activations: Literal["u8", "s8"] = Field(default="u8", description="Type of the activations, for mode static.")
    weights: Literal["u8", "s8"] = Field(default="s8", description="Type of the weights, for modes dynamic and static.")
    method: Literal["minmax", "entropy", "percentile"] = Field(default="minmax", description="How mode static finds ranges.")
    percentile: float = Field(default=99.99, gt=50, lt=100, description="Share of the values that a range covers, for method percentile.")
    exclude: tuple[str, ...] = Field(default=(), description="Names of nodes or of their weights to leave alone.")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        for name in sorted(self.model_fields_set & _MEANT_FOR.keys()):
            modes = _MEANT_FOR[name]
            if self.mode not in modes:
                raise ValueError(f"{name} means nothing with mode {self.mode}; it belongs to mode {' and '.join(modes)}, so leave it out")
        if self.mode != "weights" and self.bits != 8:
            raise ValueError(f"mode {self.mode} computes in 8 bits, not {self.bits}; use mode weights to store weights in {self.bits} bits")
        if self.mode != "weights" and self.per == "block":
            raise ValueError(f"per: block belongs to mode weights; mode {self.mode} takes per: channel or per: tensor")
        if self.per != "block" and "block" in self.model_fields_set:
            raise ValueError(f"block means nothing with per: {self.per}; write per: block, or leave it out")
        if self.method != "percentile" and "percentile" in self.model_fields_set:
            raise ValueError(f"percentile means nothing with method {self.method}; write method: percentile, or leave it out")
        if self.mode == "static" and self.calibrate is None:
            raise ValueError("mode static needs rows to find ranges on; write for instance calibrate: {data: train, rows: 256}")
        return self


class CastParameters(Parameters):
    """Floating-point weights of 16 bits.

    `fp16` also computes in 16 bits where the runtime can; `bf16` only stores in 16 bits and computes in 32.
    """

    to: Literal["fp16", "bf16"]

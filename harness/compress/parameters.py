"""What a suite may say about the techniques that quantize."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from harness.catalogue import Parameters
from harness.compress.schedule import GradualParameters

Mode = Literal["dynamic", "static", "weights", "pt2e", "qat"]
Granularity = Literal["channel", "tensor", "block"]
Method = Literal["minmax", "entropy", "percentile", "rtn", "hqq", "k_quant", "gptq"]

_MEANT_FOR: dict[str, tuple[Mode, ...]] = {
    "block": ("weights",),
    "engine": ("weights",),
    "calibrate": ("static", "pt2e"),
    "finetune": ("qat", "weights"),
    "activations": ("static",),
    "weights": ("dynamic", "static"),
    "percentile": ("static",),
}

_BITS_OF: dict[Method, tuple[int, ...]] = {"rtn": (2, 4, 8), "hqq": (2, 4), "k_quant": (4,), "gptq": (2, 4, 8)}
"""What each method of the engine matmul_nbits can make and ONNX Runtime's CPU code computes with."""

_BLOCKS = (16, 32, 64, 128, 256)
_GROUPS = (32, 64, 128, 256)
_UNTRAINED = "finetune with mode weights needs engine: onnx, which rounds as the training did; leave engine out"


class CalibrateParameters(Parameters):
    """The rows whose activations decide the ranges of a static quantization."""

    data: str = Field(min_length=1, description="Name of a data set of the suite; never the one that is tested on.")
    rows: int = Field(default=256, ge=1, description="Rows to look at.")


class QuantizeParameters(GradualParameters):
    """Fewer bits for the weights, and in the modes dynamic and static for the activations too.

    `dynamic`: 8-bit arithmetic, the range of the activations is found anew in each batch. `static`: the same, with ranges
    found once on calibration rows. `weights`: weights are stored in few bits and turned back into floats when used. `pt2e`: like
    static, by torch's own quantizer for x86. `qat`: the network is trained while its weights and activations are rounded.
    """

    mode: Mode
    bits: int | tuple[int, ...] = Field(
        default=8,
        description="Bits of a weight. Other than 8 only with mode weights: 1 to 8, or 16 (float16). A list such as [16, 8, 4] is a "
        "schedule, which stop_if_drop and max_total_drop can end early.",
    )
    per: Granularity = Field(default="channel", description="What shares one scale: an output channel, a whole tensor, or a block of it.")
    block: int = Field(default=32, ge=2, description="Weights in a block, for per: block.")
    engine: Literal["onnx", "matmul_nbits", "torchao"] = Field(
        default="onnx",
        description="For mode weights: standard ONNX operators, for every kind of layer; ONNX Runtime's own MatMulNBits, for matrix "
        "products alone; or a torch program by torchao, for linear layers (8 bits anywhere, 4 bits on CUDA).",
    )
    calibrate: CalibrateParameters | None = Field(default=None, description="Needed by the modes static and pt2e, and by method gptq.")
    activations: Literal["u8", "s8", "u16"] = Field(default="u8", description="Type of the activations, for mode static.")
    weights: Literal["u8", "s8"] = Field(default="s8", description="Type of the weights, for modes dynamic and static.")
    method: Method | None = Field(
        default=None,
        description="How mode static finds ranges: minmax (default), entropy or percentile. How matmul_nbits rounds: rtn (default), hqq, "
        "k_quant or gptq.",
    )
    percentile: float = Field(default=99.99, gt=50, lt=100, description="Share of the values that a range covers, for method percentile.")
    exclude: tuple[str, ...] = Field(default=(), description="Names of nodes or of their weights to leave alone.")

    @property
    def width(self) -> int:
        """The bits of a weight in the one stage at hand; the last of a schedule."""
        return self.bits if isinstance(self.bits, int) else self.bits[-1]

    @property
    def widths(self) -> tuple[int, ...]:
        """The bits after each stage."""
        return (self.bits,) if isinstance(self.bits, int) else self.bits

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        for name in sorted(self.model_fields_set & _MEANT_FOR.keys()):
            modes = (*_MEANT_FOR[name], *(("weights",) if name == "calibrate" and self.method == "gptq" else ()))
            if self.mode not in modes:
                raise ValueError(f"{name} means nothing with mode {self.mode}; it belongs to mode {' and '.join(modes)}, so leave it out")
        if self.mode in ("static", "pt2e") and self.calibrate is None:
            raise ValueError(f"mode {self.mode} needs rows to find ranges on; write for instance calibrate: {{data: train, rows: 256}}")
        if self.mode == "qat" and self.finetune is None:
            raise ValueError("mode qat needs rows to train on; write for instance finetune: {data: train, epochs: 1}")
        self._fitting_bits()
        self._fitting_scales()
        self._fitting_method()
        return self

    def _fitting_bits(self) -> None:
        for bits in self.widths:
            if not (1 <= bits <= 8 or bits == 16):
                raise ValueError(f"bits: {bits} must be 1 to 8, or 16 (float16)")
            if self.mode != "weights" and bits != 8:
                raise ValueError(f"mode {self.mode} computes in 8 bits, not {bits}; use mode weights to store weights in {bits} bits")
        if not self.widths or any(later >= earlier for earlier, later in zip(self.widths, self.widths[1:], strict=False)):
            raise ValueError(f"bits: {list(self.widths)} must fall from stage to stage, for instance [16, 8, 4]")

    def _fitting_scales(self) -> None:
        if self.mode in ("pt2e", "qat") and self.per != "channel":
            raise ValueError(f"mode {self.mode} has one scale per channel; leave per out")
        if self.mode != "weights" and self.per == "block":
            raise ValueError(f"per: block belongs to mode weights; mode {self.mode} takes per: channel or per: tensor")
        if self.engine == "matmul_nbits":
            if "per" in self.model_fields_set and self.per != "block":
                raise ValueError(f"engine matmul_nbits has one scale per block, not per {self.per}; write per: block, or leave it out")
            if self.block not in _BLOCKS:
                raise ValueError(f"engine matmul_nbits takes blocks of {', '.join(map(str, _BLOCKS))} weights, not {self.block}")
        elif self.engine == "torchao":
            self._fitting_torchao()
        elif self.per != "block" and "block" in self.model_fields_set:
            raise ValueError(f"block means nothing with per: {self.per}; write per: block, or leave it out")

    def _fitting_torchao(self) -> None:
        if self.finetune is not None:
            raise ValueError(_UNTRAINED)
        if len(self.widths) > 1 or self.width not in (4, 8):
            raise ValueError(f"engine torchao stores weights in 4 or 8 bits, not in {self.bits}; use engine: onnx for other widths")
        per: Granularity = "block" if self.width == 4 else "channel"
        if "per" in self.model_fields_set and self.per != per:
            raise ValueError(f"engine torchao has one scale per {per} in {self.width} bits, not per {self.per}; leave per out")
        if self.width == 8 and "block" in self.model_fields_set:
            raise ValueError("block means nothing with engine torchao in 8 bits; leave it out")
        if self.width == 4 and self.block not in _GROUPS:
            raise ValueError(f"engine torchao takes groups of {', '.join(map(str, _GROUPS))} inputs, not {self.block}; write block: 128")

    def _fitting_method(self) -> None:
        if self.engine == "matmul_nbits":
            self._fitting_engine()
        elif self.method is not None and self.mode != "static":
            hint = "; with mode weights it belongs to engine: matmul_nbits" if self.mode == "weights" else ""
            raise ValueError(f"method means nothing with mode {self.mode}; it belongs to mode static, so leave it out{hint}")
        elif self.method in _BITS_OF:
            raise ValueError(f"method {self.method} belongs to engine: matmul_nbits; mode static takes minmax, entropy or percentile")
        if self.method != "percentile" and "percentile" in self.model_fields_set:
            raise ValueError(f"percentile means nothing with method {self.method or 'minmax'}; write method: percentile, or leave it out")

    def _fitting_engine(self) -> None:
        method = self.method or "rtn"
        if method not in _BITS_OF:
            raise ValueError(f"method {method} belongs to mode static; engine matmul_nbits takes {', '.join(_BITS_OF)}")
        if self.finetune is not None:
            raise ValueError(_UNTRAINED)
        if len(self.widths) > 1:
            raise ValueError(
                "a schedule of bits needs engine: onnx, whose weights can be rounded again; give engine matmul_nbits one number"
            )
        if self.width not in _BITS_OF[method]:
            able = " or ".join(map(str, _BITS_OF[method]))
            raise ValueError(f"method {method} makes weights of {able} bits that the processor can compute with, not of {self.width}")
        if (method == "gptq") != (self.calibrate is not None):
            raise ValueError("method: gptq and calibrate: {data: …, rows: …} belong together")


class QuantizeStage(QuantizeParameters):
    """One stage of a schedule; `again`: the weights were rounded by the stage before, and are rounded anew from there."""

    again: bool = False


class CastParameters(Parameters):
    """Floating-point weights of 16 bits.

    `fp16` also computes in 16 bits where the runtime can; `bf16` only stores in 16 bits and computes in 32.
    """

    to: Literal["fp16", "bf16"]

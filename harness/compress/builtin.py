"""The techniques that come with the harness."""

from __future__ import annotations

from harness.catalogue import Kind
from harness.compress.cast import Cast
from harness.compress.distill import Distill
from harness.compress.distill_parameters import DistillParameters
from harness.compress.export import Export
from harness.compress.export_parameters import ExportParameters
from harness.compress.factorize import Factorize
from harness.compress.factorize_parameters import FactorizeParameters
from harness.compress.lottery import Lottery
from harness.compress.lottery_parameters import LotteryParameters
from harness.compress.mixed import Mixed, MixedParameters
from harness.compress.parameters import CastParameters, QuantizeParameters
from harness.compress.prune import Prune
from harness.compress.prune_parameters import PruneParameters
from harness.compress.quantize import Quantize
from harness.compress.share import Share, ShareParameters
from harness.ports.compress import Technique

TECHNIQUES: tuple[Kind[Technique], ...] = (
    Kind("quantize", QuantizeParameters, Quantize()),
    Kind("cast", CastParameters, Cast(), shorthand="to"),
    Kind("prune", PruneParameters, Prune(), shorthand="sparsity"),
    Kind("factorize", FactorizeParameters, Factorize(), shorthand="method"),
    Kind("share", ShareParameters, Share(), shorthand="bits"),
    Kind("mixed", MixedParameters, Mixed()),
    Kind("distill", DistillParameters, Distill()),
    Kind("lottery", LotteryParameters, Lottery()),
    Kind("export", ExportParameters, Export(), shorthand="to"),
)
"""Every built-in technique."""

"""The technique `share`: all weights of a tensor take one of a few values."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from harness.catalogue import Parameters
from harness.compress.technique import OnnxTechnique
from harness.ports.compress import StepContext, StepReport


class ShareParameters(Parameters):
    """K-means weight sharing (Han, Mao and Dally 2016, arXiv:1510.00149).

    The weights of each tensor are clustered into 2^bits values. On disk are these values and, packed without gaps, the
    number of each weight's value; the runtime puts the weights together once, when it loads the model.
    """

    bits: int = Field(ge=1, le=8, description="Bits of an index: a tensor has 2^bits different values.")
    exclude: tuple[str, ...] = Field(default=(), description="Names of nodes or of their weights to leave alone.")


class Share(OnnxTechnique):
    """A codebook per tensor."""

    def apply(self, source: Path, target: Path, parameters: ShareParameters, context: StepContext) -> StepReport:
        """Write the model with codebooks; `ModelError` when there is nothing to share, for bad weights and unknown names."""
        from harness.compress import onnx_share  # noqa: PLC0415  # imports scikit-learn

        return onnx_share.share(source, target, parameters.bits, parameters.exclude, context.seed)

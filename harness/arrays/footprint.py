"""What a model weighs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """Counts over a model's weights. `low_precision` counts parameters stored in fewer than 16 bits; `bits` is the mean bits each."""

    parameters: int
    non_zero: int
    low_precision: int
    bits: float


@dataclass(frozen=True)
class Footprint:
    """What one model weighs on disk and in memory; None where it cannot be known.

    Bytes for sizes, seconds for `load_seconds` (process start excluded, import of the runtime excluded).
    `peak_memory` is the growth of the peak resident set while the model is loaded and answers one batch, in a fresh process.
    `latency_seconds` is the median latency recorded beside recorded outputs; None for every model that is run.
    `note` says what was out of the ordinary when it was measured.
    """

    disk_bytes: int | None = None
    gzip_bytes: int | None = None
    weights: Weights | None = None
    load_seconds: float | None = None
    peak_memory: int | None = None
    latency_seconds: float | None = None
    note: str = ""

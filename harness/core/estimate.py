"""A number with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

DISK_BYTES = "disk_bytes"
MEDIAN_RATIO = "median_ratio"
MEDIAN_SECONDS = "median_seconds"
"""Quantities of figures that the report looks for: bytes on disk, the median latency, and the candidate's / the original's."""


@dataclass(frozen=True)
class Estimate:
    """A point estimate with a two-sided confidence interval; `low` and `high` are None when it is not estimable."""

    value: float
    low: float | None = None
    high: float | None = None
    level: float = 0.90


@dataclass(frozen=True)
class Figure:
    """One measured quantity of a check that has several, with its limit.

    `met` is None when there is no limit on it, or when it could not be measured (`candidate` None). `quantity` is a name
    that does not change with the words: `disk_bytes`, `median_ratio`, `median_seconds`; empty for quantities nobody looks for.
    """

    name: str
    original: float | None
    candidate: float | None
    unit: str = ""
    limit: str | None = None
    met: bool | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""
    quantity: str = ""

    @property
    def title(self) -> str:
        """Its name as people write it."""
        return _TITLES.get(self.name, self.name.replace("_", " "))


_TITLES = {"kl": "KL divergence", "kl_p99": "KL divergence p99", "sqnr": "SQNR", "top1_agreement": "top-1 agreement"}

"""Where accepted baselines are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from harness.arrays.baseline import Baseline


class Baselines(Protocol):
    """Baselines by suite and candidate. Only an explicit `accept` writes."""

    def load(self, suite: str, candidate: str) -> Baseline | None:
        """The accepted state, None when nothing was accepted; `BaselineError` when it cannot be read."""

    def save(self, baseline: Baseline) -> list[Path]:
        """Write it; returns the files written."""

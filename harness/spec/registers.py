"""Everything a suite can name: one register for each sort of kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.catalogue import Kinds


@dataclass(frozen=True)
class Registers:
    """The kinds a suite may use. A data source called `file` is what a bare `source: path` stands for."""

    models: Kinds[Any]
    sources: Kinds[Any]
    metrics: Kinds[Any]
    checks: Kinds[Any]
    techniques: Kinds[Any]

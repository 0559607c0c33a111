"""What there is to judge: candidate × check × segment, known before any model runs."""

from __future__ import annotations

from dataclasses import dataclass

from harness.checks.check import PowerNote
from harness.core.segment import Segment


@dataclass(frozen=True)
class Item:
    """One question. `size` is the number of examples it is asked of, None when that is not how it is asked."""

    suite: str
    candidate: str
    check: str
    segment: Segment | None
    size: int | None
    power: PowerNote | None = None
    critical: bool = False

    @property
    def name(self) -> str:
        """`int8::accuracy[language:bn]`."""
        tail = f"[{self.segment.label}]" if self.segment else ""
        return f"{self.candidate}::{self.check}{tail}"

"""What there is to judge: candidate × check × segment, known before any model runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from harness.checks.check import PowerNote
from harness.core.segment import Segment


@dataclass(frozen=True)
class Item:
    """One question. `size` is the number of examples it is asked of, None when that is not how it is asked.

    `hopeless`: so few examples that not even a model that loses nothing could pass. `planner` works out what can be
    proved; that takes a while, so only whoever wants to know asks.
    """

    suite: str
    candidate: str
    check: str
    segment: Segment | None
    size: int | None
    critical: bool = False
    hopeless: bool = False
    planner: Callable[[], PowerNote | None] = field(default=lambda: None, compare=False, repr=False)

    @cached_property
    def power(self) -> PowerNote | None:
        """What the data can prove for this question."""
        return self.planner()

    @property
    def name(self) -> str:
        """`int8::accuracy[language:bn]`."""
        tail = f"[{self.segment.label}]" if self.segment else ""
        return f"{self.candidate}::{self.check}{tail}"

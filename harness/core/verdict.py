"""The answer to one question: may this candidate ship, as far as this check of this segment can say?"""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.comparison import Comparison
from harness.core.estimate import Figure
from harness.core.outcome import Outcome
from harness.core.segment import Segment


@dataclass(frozen=True)
class WorstExample:
    """An example the candidate got worse on: its id, what each model said, and the loss (positive = candidate worse)."""

    id: str
    target: str = ""
    original: str = ""
    candidate: str = ""
    loss: float = 0.0
    text: str | None = None


def premise(*, loss_is_clear: bool) -> str:
    """Under which drop a number of further examples would prove the margin."""
    return "if the true drop is the one seen" if loss_is_clear else "if there is truly no drop"


@dataclass(frozen=True)
class Verdict:
    """Outcome, evidence and one sentence of reason for candidate × check × segment (None: the whole).

    `blocks` says whether it fails the run: always for FAIL, INVALID and ERROR, by `on_inconclusive` for INCONCLUSIVE.
    `suspect` marks a segment whose whole interval lies outside the margin.
    `expected` is the reason given in `expect:` when this verdict was announced there.
    `needs_more` is about how many more examples would settle it, None when that is not the way to settle it.
    """

    suite: str
    candidate: str
    check: str
    segment: Segment | None
    outcome: Outcome
    reason: str
    blocks: bool
    comparison: Comparison | None = None
    figures: tuple[Figure, ...] = ()
    suspect: bool = False
    critical: bool = False
    needs_more: int | None = None
    expected: str | None = None
    worst_examples: tuple[WorstExample, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def premise(self) -> str:
        """What `needs_more` takes for granted: where the interval excludes «no drop», counting on none would promise too much."""
        low = None if self.comparison is None else self.comparison.drop.low
        return premise(loss_is_clear=low is not None and low > 0)

    @property
    def item_name(self) -> str:
        """`int8::accuracy[language:bn]`, the tail of the pytest node id."""
        tail = f"[{self.segment.label}]" if self.segment else ""
        return f"{self.candidate}::{self.check}{tail}"

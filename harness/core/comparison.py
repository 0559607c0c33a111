"""What was found when the candidate was set against the original."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.estimate import Estimate


@dataclass(frozen=True)
class Comparison:
    """Original, candidate and their paired difference on the same `n` examples.

    `drop` is positive when the candidate is worse, whatever the metric's direction, in the metric's unit (a fraction
    for accuracy). `margin` is in the unit of `drop`. `gained` / `lost` count examples that only the candidate / only
    the original got right, and are None for scores that are not right-or-wrong.
    """

    metric: str
    n: int
    original: Estimate
    candidate: Estimate
    drop: Estimate
    method: str
    margin: float | None = None
    margin_text: str = ""
    share: bool = False
    gained: int | None = None
    lost: int | None = None
    p_harm: float | None = None
    mcnemar_exact: float | None = None
    mcnemar_mid: float | None = None
    smallest_detectable: float | None = None
    notes: tuple[str, ...] = ()

"""What moved between an accepted baseline and a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.arrays.baseline import Acceptance
from harness.core.verdict import Verdict

_NOTICED = 5e-5
"""Smaller changes are not seen in the figures: half a hundredth of a point."""


@dataclass(frozen=True)
class Move:
    """One item: its drop and outcome as accepted and now; None where there is no drop."""

    item: str
    before: float | None
    after: float | None
    accepted: str
    now: str

    @property
    def change(self) -> float | None:
        """By how much the drop grew, None when it cannot be said."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def still(self) -> bool:
        """Whether it is as it was."""
        alike = (self.before is None) == (self.after is None) and abs(self.change or 0.0) < _NOTICED
        return alike and self.accepted == self.now


@dataclass(frozen=True)
class Moves:
    """What moved, the largest change first; how many items did not; and how many a partial run did not judge."""

    moved: tuple[Move, ...]
    still: int
    unseen: int


def moves(accepted: Acceptance, verdicts: Mapping[str, Verdict], *, partial: bool) -> Moves:
    """`verdicts` are those of a run by item; what a partial run lacks was not judged, what a full one lacks is gone."""
    names = list(dict.fromkeys((*accepted.outcomes, *accepted.drops, *verdicts)))
    unseen = [name for name in names if partial and name not in verdicts]
    found = [_move(name, accepted, verdicts.get(name)) for name in names if name not in unseen]
    moved = [move for move in found if not move.still]
    # What cannot be compared comes first: something appeared or vanished.
    moved.sort(key=lambda move: (move.change is not None, -abs(move.change or 0.0)))
    return Moves(tuple(moved), len(found) - len(moved), len(unseen))


def _move(name: str, accepted: Acceptance, verdict: Verdict | None) -> Move:
    now = verdict.comparison.drop.value if verdict is not None and verdict.comparison is not None else None
    return Move(
        item=name,
        before=accepted.drops.get(name),
        after=None if now is None or math.isnan(now) else now,
        accepted=accepted.outcomes.get(name, "new"),
        now="gone" if verdict is None else str(verdict.outcome),
    )

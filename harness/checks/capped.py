"""How much of what is compared lies at the cap, beyond which a loss leaves no trace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.checks.table import Floats, Groups
from harness.metrics.metric import Reach

CAPPED_TO_PASS = 0.05
"""With a larger share at the cap, what the cap hides may be larger than any margin."""


@dataclass(frozen=True)
class Capped:
    """Per example how many of its answers reach the `cap` by either model: `reached` (n,) of `counted` (n,), as the metric weighs them."""

    cap: float
    what: str
    reached: Floats
    counted: Floats

    @classmethod
    def of_scores(cls, original: Floats, candidate: Floats, cap: float) -> Capped:
        """From (n,) scores that the metric has cut to [-cap, cap]."""
        return cls(cap, "scores", (_at(original, cap) | _at(candidate, cap)).astype(np.float64), np.ones(len(original)))

    @classmethod
    def of(cls, n: int, *reaches: Reach) -> Capped:
        """From the answers of both models on the same n examples, answer by answer."""
        first = reaches[0]
        either = np.logical_or.reduce([reach.at_cap for reach in reaches])
        reached = np.bincount(first.example, weights=first.weight * either, minlength=n)
        counted = np.bincount(first.example, weights=first.weight, minlength=n)
        return cls(first.cap, first.what, reached.astype(np.float64), counted.astype(np.float64))

    def or_scores(self, scores: Floats) -> Capped:
        """Also the examples whose score is at the cap as a whole: all that is known of a model when only its (n,) scores were kept."""
        return Capped(self.cap, self.what, np.where(_at(scores, self.cap), self.counted, self.reached), self.counted)

    def shares(self, groups: Groups) -> Floats:
        """(groups,) share of the answers in each group that reach the cap."""
        inside = groups.codes >= 0
        reached, counted = (
            np.bincount(groups.codes[inside], weights=values[inside], minlength=groups.count) for values in (self.reached, self.counted)
        )
        return np.asarray(np.divide(reached, counted, out=np.zeros(groups.count), where=counted > 0))

    def note(self, share: float) -> str:
        """`3.1 % of the scores reach the cap of 5; what lies beyond is not seen`, "" where none does."""
        if share <= 0:
            return ""
        percent = f"{100 * share:.1f}" if share >= 0.0005 else "less than 0.1"
        return f"{percent} % of the {self.what} reach the cap of {self.cap:g}; what lies beyond is not seen"

    def hidden(self, share: float) -> str:
        """Why there is no PASS, "" where the cap hides little."""
        if share <= CAPPED_TO_PASS:
            return ""
        return f"{self.note(share)}; no PASS where more than {100 * CAPPED_TO_PASS:g} % do: raise `cap` beyond the {self.what}"


def _at(scores: Floats, cap: float) -> NDArray[np.bool_]:
    return np.asarray(np.abs(scores) >= cap * (1 - 1e-9))

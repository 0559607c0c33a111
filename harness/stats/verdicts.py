"""From intervals to outcomes. The whole must be proven within the margin; no segment may be proven outside it.

Limits are of candidate − original, in the direction in which more is better: harm is negative. Margins are tolerated
losses, zero or more, in the same unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.core.outcome import Outcome
from harness.stats.holm import holm
from harness.stats.numbers import Floats


class Finding(StrEnum):
    """What the interval says about the change itself, apart from the margin."""

    BETTER = "better"
    WORSE = "worse"
    TOLERABLE = "worse, and tolerable"
    UNSETTLED = "no difference proven"


@dataclass(frozen=True)
class SegmentVerdicts:
    """(k,) outcomes, suspects and p-values adjusted within the family (the smallest, where a segment is in several)."""

    outcomes: tuple[Outcome, ...]
    suspect: NDArray[np.bool_]
    adjusted: Floats


def judge_whole(low: float, high: float, margin: float) -> Outcome:
    """PASS when the loss is proven smaller than `margin`, FAIL when proven larger, else INCONCLUSIVE."""
    _check_limits(np.array([low]), np.array([high]), np.array([margin]))
    if low > -margin:
        return Outcome.PASS
    return Outcome.FAIL if high < -margin else Outcome.INCONCLUSIVE


def describe_change(low: float, high: float, margin: float) -> Finding:
    """Whether a change is real: an interval that leaves out 0."""
    if low > 0:
        return Finding.BETTER
    if high < 0:
        return Finding.TOLERABLE if low > -margin else Finding.WORSE
    return Finding.UNSETTLED


def judge_segments(
    low: ArrayLike,
    high: ArrayLike,
    margin: ArrayLike,
    p_values: ArrayLike,
    alpha: float = 0.05,
    may_pass: ArrayLike = True,
) -> SegmentVerdicts:
    """One family of k segments, `margin` one for all or one each.

    PASS when the loss is proven smaller than the margin, uncorrected: "every segment is fine" is the intersection of
    its parts. SUSPECT when it is proven larger, uncorrected; FAIL when suspect and `p_values` (of `two_key_p`) are
    rejected by Holm at `alpha`. A suspect that does not fail is INCONCLUSIVE, and so is all else. Where p is dear to
    compute it may be left at 1 for segments that are not suspect: that only makes Holm more cautious. `may_pass` False
    turns a PASS into INCONCLUSIVE. Segments that cannot be estimated do not belong into the call.
    """
    return judge_families(low, high, margin, p_values, None, alpha, may_pass)


def judge_families(
    low: ArrayLike,
    high: ArrayLike,
    margin: ArrayLike,
    p_values: ArrayLike,
    families: Sequence[ArrayLike] | None,
    alpha: float = 0.05,
    may_pass: ArrayLike = True,
) -> SegmentVerdicts:
    """The segments of several families at once: each segmentation is one, the critical segments are one more.

    `families` holds the indices of each family's segments, which may overlap; None puts all into one. A suspect fails when any of
    its families rejects it; in no family it cannot fail. Otherwise as `judge_segments`.
    """
    low, high, margin, p = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (low, high, margin, p_values)))
    _check_limits(low, high, margin)
    rejected, adjusted = np.zeros(len(p), dtype=bool), np.ones(len(p))
    for family in [np.arange(len(p))] if families is None else families:
        members = np.asarray(family, dtype=np.int64)
        result = holm(p[members], alpha)
        rejected[members] |= result.rejected
        adjusted[members] = np.minimum(adjusted[members], result.adjusted)
    suspect = high < -margin
    passed, failed = (low > -margin) & np.asarray(may_pass, dtype=bool), suspect & rejected
    outcomes = np.where(passed, Outcome.PASS, np.where(failed, Outcome.FAIL, Outcome.INCONCLUSIVE))
    return SegmentVerdicts(tuple(Outcome(str(outcome)) for outcome in outcomes), suspect, adjusted)


def _check_limits(low: Floats, high: Floats, margin: Floats) -> None:
    if np.isnan(low).any() or np.isnan(high).any() or (low > high).any():
        raise ValueError("limits must be numbers, the lower not above the upper; leave out what could not be estimated")
    if not (margin >= 0).all():
        raise ValueError("a margin is a tolerated loss: zero or more")

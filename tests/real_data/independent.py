"""The verdict rules once more, from their published definitions, by brute force and by other libraries than the harness uses.

Nothing here imports the harness. Counts are (k,) arrays of paired examples per segment; differences are candidate − original.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
GOLDEN = (np.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Counts:
    """(k,) examples, and those that only the candidate (gained) or only the original (lost) got right."""

    n: Floats
    gained: Floats
    lost: Floats

    @property
    def drop(self) -> Floats:
        """Original's accuracy minus the candidate's."""
        return (self.lost - self.gained) / self.n


def score_statistic(counts: Counts, difference: Floats) -> Floats:
    """Z of H0: P(gained) − P(lost) = `difference`, its variance at the numerically maximised multinomial likelihood.

    Definition of Tango 1998: (b − c − nΔ) / sqrt(n (2q + Δ − Δ²)), q the restricted estimate of P(lost).
    """
    from scipy.special import xlogy

    b, c, n = counts.gained, counts.lost, counts.n

    def likelihood(q: Floats) -> Floats:
        gain, rest = np.maximum(q + difference, 0), np.maximum(1 - 2 * q - difference, 0)
        return np.asarray(xlogy(b, gain) + xlogy(c, np.maximum(q, 0)) + xlogy(n - b - c, rest))

    low, high = np.maximum(0.0, -difference), (1 - difference) / 2
    for _ in range(45):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        better_left = likelihood(left) > likelihood(right)
        low, high = np.where(better_left, low, left), np.where(better_left, right, high)
    q = (low + high) / 2
    variance = n * np.maximum(2 * q + difference - difference**2, 1e-300)
    return np.asarray((b - c - n * difference) / np.sqrt(variance))


def interval(counts: Counts, level: float = 0.90) -> tuple[Floats, Floats]:
    """Limits of the drop: the differences that the score test does not reject, found by bisection."""
    from scipy.stats import norm

    z = float(norm.ppf((1 + level) / 2))
    observed = -counts.drop

    def limit(inside: Floats, outside: Floats, sign: float) -> Floats:
        for _ in range(30):
            middle = (inside + outside) / 2
            kept = sign * score_statistic(counts, middle) < z
            inside, outside = np.where(kept, middle, inside), np.where(kept, outside, middle)
        return inside

    least = limit(observed, np.full_like(observed, -1.0), 1.0)
    most = limit(observed, np.full_like(observed, 1.0), -1.0)
    return -most, -least


def two_keys(counts: Counts, tolerated: float) -> Floats:
    """The larger of the score test's p for "lost at most `tolerated`" and McNemar's one-sided mid-p of harm."""
    from scipy.stats import binom, norm

    flips = counts.gained + counts.lost
    worse = norm.cdf(score_statistic(counts, np.full_like(counts.n, -tolerated)))
    harmed = binom.sf(counts.lost, flips, 0.5) + binom.pmf(counts.lost, flips, 0.5) / 2
    return np.asarray(np.maximum(worse, harmed))


def outcomes(counts: Counts, margin: float, whole_drop: float) -> list[str]:
    """One segmentation's outcomes: PASS inside the margin, FAIL outside it and by Holm worse than the whole, else INCONCLUSIVE.

    Segments that are not outside the margin enter Holm's procedure with p = 1.
    """
    from statsmodels.stats.multitest import multipletests

    low, high = interval(counts)
    suspect = low > margin
    p = np.where(suspect, two_keys(counts, float(np.clip(whole_drop, 0, margin))), 1.0)
    rejected = multipletests(p, alpha=0.05, method="holm")[0]
    return ["PASS" if inside else "FAIL" if bad else "INCONCLUSIVE" for inside, bad in zip(high < margin, suspect & rejected, strict=True)]


def whole_outcome(counts: Counts, margin: float) -> str:
    """The whole's outcome, by its interval alone."""
    low, high = (float(limit[0]) for limit in interval(counts))
    return "PASS" if high < margin else "FAIL" if low > margin else "INCONCLUSIVE"


def delong(truth: NDArray[np.bool_], original: Floats, candidate: Floats) -> tuple[float, float]:
    """(drop of the AUROC, its standard error) by DeLong 1988, with placements counted by searching sorted scores."""
    placements = [_placements(truth, scores) for scores in (original, candidate)]
    of_positives, of_negatives = (np.stack([pair[side] for pair in placements]) for side in (0, 1))
    areas = of_positives.mean(axis=1)
    contrast = np.array([1.0, -1.0])
    variance = contrast @ (np.cov(of_positives) / of_positives.shape[1] + np.cov(of_negatives) / of_negatives.shape[1]) @ contrast
    return float(areas[0] - areas[1]), float(np.sqrt(variance))


def _placements(truth: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """Share of negatives below each positive, and of positives above each negative; ties count half."""
    positive, negative = np.sort(scores[truth]), np.sort(scores[~truth])

    def below(sample: Floats, values: Floats) -> Floats:
        return np.asarray((np.searchsorted(sample, values, "left") + np.searchsorted(sample, values, "right")) / 2 / len(sample))

    return below(negative, scores[truth]), 1 - below(positive, scores[~truth])


def rounded(weight: NDArray[np.float32], top: int, per_row: bool) -> NDArray[np.float32]:
    """A matrix on 2·`top` + 1 levels, symmetric about zero: one step for all, or one per row."""
    largest = np.abs(weight).max(axis=1, keepdims=True) if per_row else np.abs(weight).max()
    step = np.asarray(largest / np.float32(top), np.float32)
    step = np.where(step == 0, np.float32(1), step)
    return np.asarray(np.round(weight / step) * step, np.float32)


def labels_of_bins(values: Sequence[float], edges: Sequence[float]) -> list[str]:
    """The name of the bin of each value: `..25`, `25..45`, `45..`."""
    names = [f"..{edges[0]}", *(f"{a}..{b}" for a, b in pairwise(edges)), f"{edges[-1]}.."]
    return [names[sum(value >= edge for edge in edges)] for value in values]

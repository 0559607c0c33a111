"""The difference of two areas under the ROC curve on the same examples.

DeLong E. R., DeLong D. M., Clarke-Pearson D. L. (1988), Comparing the areas under two or more correlated receiver
operating characteristic curves, Biometrics 44, 837–845; by midranks as in Sun X., Xu W. (2014), IEEE Signal Processing
Letters 21, 1389–1393. The reference distribution is t with one less degree of freedom than the smaller class has
examples: with five or ten positives the normal one is too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.errors import MeasurementError
from harness.stats.distributions import t_cdf, t_quantile
from harness.stats.numbers import Array, Floats, check_level


@dataclass(frozen=True)
class PairedAuroc:
    """Both areas, their difference candidate − original, its two-sided interval, standard error and degrees of freedom.

    A standard error of 0 (no positive changed its rank among the negatives) makes the interval a point.
    """

    original: float
    candidate: float
    difference: float
    low: float
    high: float
    se: float
    df: int

    def p_harm(self, delta0: float = 0.0) -> float:
        """One-sided p of H0: difference ≥ `delta0`, against the candidate being worse than that."""
        distance = self.difference - delta0
        if self.se == 0:
            return 0.5 if distance == 0 else float(distance > 0)
        return float(t_cdf(distance / self.se, self.df))


def delong(original_scores: Array, candidate_scores: Array, positive: Array, level: float = 0.90) -> PairedAuroc:
    """Paired comparison of AUROC; `positive` is (n,) bool, scores are (n,), higher meaning more likely positive.

    Takes O(n log n). `MeasurementError` when a class has fewer than two examples, `ValueError` for NaN scores.
    """
    check_level(level)
    positive = np.asarray(positive, dtype=bool)
    scores = [np.asarray(values, dtype=np.float64) for values in (original_scores, candidate_scores)]
    if any(np.isnan(values).any() for values in scores):
        raise ValueError("AUROC needs a score for every example; some are NaN")
    smaller = int(min(positive.sum(), (~positive).sum()))
    if smaller < 2:
        raise MeasurementError(f"AUROC is not estimable: the smaller class has {smaller} examples, at least 2 are needed")
    (above_original, below_original), (above_candidate, below_candidate) = (_placements(values, positive) for values in scores)
    original, candidate = float(above_original.mean()), float(above_candidate.mean())
    se = float(np.sqrt(_variance_of_mean(above_candidate - above_original) + _variance_of_mean(below_candidate - below_original)))
    half = float(t_quantile((1 + level) / 2, smaller - 1)) * se
    difference = candidate - original
    return PairedAuroc(original, candidate, difference, difference - half, difference + half, se, smaller - 1)


def _placements(scores: Floats, positive: Array) -> tuple[Floats, Floats]:
    """For each positive the share of negatives below it, for each negative the share of positives above it; ties count half."""
    positives, negatives = scores[positive], scores[~positive]
    return _share_below(positives, negatives), 1 - _share_below(negatives, positives)


def _share_below(values: Floats, reference: Floats) -> Floats:
    ordered = np.sort(reference)
    return np.asarray((np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / (2 * len(ordered)))


def _variance_of_mean(values: Floats) -> float:
    return float(values.var(ddof=1)) / len(values)

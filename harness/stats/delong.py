"""The difference of two areas under the ROC curve on the same examples.

DeLong E. R., DeLong D. M., Clarke-Pearson D. L. (1988), Comparing the areas under two or more correlated receiver
operating characteristic curves, Biometrics 44, 837–845; by midranks as in Sun X., Xu W. (2014), IEEE Signal Processing
Letters 21, 1389–1393. The reference distribution is t with one less degree of freedom than the smaller class has
examples: with five or ten positives the normal one is too narrow. That holds the false PASS near 5 % when the classes
overlap well (areas around 0.75). When they hardly do (0.95) or single examples are lost altogether, a small class shows
too little spread, as in every interval that takes unchanged examples for proof; `planted` does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.errors import MeasurementError
from harness.stats.distributions import t_cdf, t_quantile
from harness.stats.numbers import Array, Floats, Interval, check_level


@dataclass(frozen=True)
class PairedAuroc:
    """Both areas, their difference candidate − original, its two-sided interval, standard error and degrees of freedom.

    A standard error of 0 (no positive changed its rank among the negatives) makes the interval a point. `planted` is the interval
    with one worst case more in the smaller class, as in `planted_t_interval`: wider by about 2.65 over the size of that class.
    """

    original: float
    candidate: float
    difference: float
    low: float
    high: float
    se: float
    df: int
    planted: Interval[float]

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
    positives, negatives = above_candidate - above_original, below_candidate - below_original
    few, many = (positives, negatives) if len(positives) <= len(negatives) else (negatives, positives)
    difference, se = _mean_and_error(few, many)
    half = float(t_quantile((1 + level) / 2, smaller - 1)) * se
    return PairedAuroc(
        original=float(above_original.mean()),
        candidate=float(above_candidate.mean()),
        difference=difference,
        low=difference - half,
        high=difference + half,
        se=se,
        df=smaller - 1,
        planted=_planted(few, many, level),
    )


def _planted(few: Floats, many: Floats, level: float) -> Interval[float]:
    """Lower limit with one difference of −1 more in the smaller class, upper limit with one of +1 more."""
    t = float(t_quantile((1 + level) / 2, len(few)))
    (low, low_error), (high, high_error) = (_mean_and_error(np.append(few, worst), many) for worst in (-1.0, 1.0))
    return Interval(max(low - t * low_error, -1.0), min(high + t * high_error, 1.0))


def _mean_and_error(few: Floats, many: Floats) -> tuple[float, float]:
    return float(few.mean()), float(np.sqrt(few.var(ddof=1) / len(few) + many.var(ddof=1) / len(many)))


def _placements(scores: Floats, positive: Array) -> tuple[Floats, Floats]:
    """For each positive the share of negatives below it, for each negative the share of positives above it; ties count half."""
    positives, negatives = scores[positive], scores[~positive]
    return _share_below(positives, negatives), 1 - _share_below(negatives, positives)


def _share_below(values: Floats, reference: Floats) -> Floats:
    ordered = np.sort(reference)
    return np.asarray((np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / (2 * len(ordered)))

"""Examples that belong together: several questions on one passage, several variants of one sentence, tokens of a text.

They say less than as many independent examples. Right-or-wrong outcomes are therefore counted as fewer, their counts
divided by a design effect, and scores are summed up per cluster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.errors import MeasurementError
from harness.stats.numbers import Array, Floats, check_counts

FEWEST_CLUSTERS = 10
"""With fewer, the spread between clusters cannot be told from chance; large ones that hold most examples count as few."""

_PLANTED = 1.0
"""Weight of the planted cluster. Without it up to a third of the candidates that lost exactly the margin would PASS (30
clusters of 20, correlation 0.3, losses only); docs/decisions/0004 has the error rates with it."""


@dataclass(frozen=True)
class EffectiveCounts:
    """What clustered flips are worth: `n`, `gained` and `lost` divided by `design_effect` (≥ 1).

    `clusters` counts those that are not empty, `effective_clusters` is the number of equally large ones they are worth.
    """

    n: float
    gained: float
    lost: float
    design_effect: float
    clusters: int
    effective_clusters: float


@dataclass(frozen=True)
class ClusterSummary:
    """Effective number of clusters, mean over all examples, standard deviation between clusters; `clusters` counts them.

    `n` is how many equally large clusters they are worth. `sd / sqrt(n)` is the standard error of `mean`: the three go
    into the t intervals as they are.
    """

    n: float
    mean: float
    sd: float
    clusters: int


def effective_clusters(sizes: Array) -> float:
    """How many equally large clusters those of (k,) `sizes` are worth: (Σ n)² / Σ n², Kish's effective number.

    One that holds most of the examples decides the mean nearly alone. Kish L. (1965), Survey Sampling. 0 without any.

    >>> effective_clusters([20, 20, 20]), round(effective_clusters([1000] + [1] * 99), 2)
    (3.0, 1.21)
    """
    n = np.asarray(sizes, dtype=np.float64)
    squares = float((n * n).sum())
    return float(n.sum()) ** 2 / squares if squares else 0.0


def clustered_counts(gained_by_cluster: Array, lost_by_cluster: Array, n_by_cluster: Array) -> EffectiveCounts:
    """Effective counts of clustered right-or-wrong outcomes, for `tango_interval` and its kin.

    Arguments are (k,) counts per cluster; empty clusters do not count. The design effect is the variance of the mean
    difference from cluster means (a ratio estimate where sizes differ) over the variance that independent examples would
    have, and never below 1. Into both goes one more cluster that flips as one, of the size in which the average example lies: a handful of
    flips cannot show how they cluster, and without any flip only the effective number of clusters counts. Both-right and both-wrong
    counts are to be divided by the same number. `MeasurementError` below 10 effective clusters, `ValueError` for more flips than examples.
    """
    gained, lost, n = (np.asarray(values, dtype=np.float64) for values in (gained_by_cluster, lost_by_cluster, n_by_cluster))
    check_counts(gained=gained, lost=lost, n=n)
    if (gained + lost > n).any():
        raise ValueError("a cluster has more flips than examples")
    clusters, worth = _enough(n)
    total, b, c = float(n.sum()), float(gained.sum()), float(lost.sum())
    size, delta = total / worth, (b - c) / total
    between = worth / (worth - 1) * float(((gained - lost - n * delta) ** 2).sum())
    independent = max((b + c) - (b - c) ** 2 / total, 0.0)
    effect = max((between + _PLANTED * size**2) / (independent + _PLANTED * size), 1.0)
    return EffectiveCounts(total / effect, b / effect, c / effect, effect, clusters, worth)


def cluster_summary(codes: Array, values: Array) -> ClusterSummary:
    """Mean and spread of (n,) `values` whose clusters are (n,) `codes` (integers ≥ 0).

    The mean is over examples, so that a large cluster counts for more; with clusters of equal size the spread is the
    standard deviation of the cluster means, otherwise that of their linearised contributions to the mean.
    `MeasurementError` below 10 effective clusters.
    """
    values = np.asarray(values, dtype=np.float64)
    sizes = np.bincount(codes)
    clusters, worth = _enough(sizes)
    mean = float(values.mean())
    residuals = np.bincount(codes, weights=values) - sizes * mean
    sd = worth / len(values) * float(np.sqrt((residuals**2).sum() / (worth - 1)))
    return ClusterSummary(worth, mean, sd, clusters)


def cluster_means(codes: Array, values: Array) -> Floats:
    """(k,) mean of (n,) `values` in each cluster that has any, in ascending order of `codes` (integers ≥ 0)."""
    sizes = np.bincount(codes)
    sums = np.bincount(codes, weights=np.asarray(values, dtype=np.float64))
    return np.asarray(sums[sizes > 0] / sizes[sizes > 0])


def _enough(sizes: Array) -> tuple[int, float]:
    """How many clusters are not empty, and how many equally large ones they are worth."""
    clusters, worth = int((sizes > 0).sum()), effective_clusters(sizes)
    if clusters < FEWEST_CLUSTERS:
        raise MeasurementError(f"only {clusters} clusters; a verdict on clustered examples needs at least {FEWEST_CLUSTERS}")
    if worth < FEWEST_CLUSTERS * (1 - 1e-9):
        raise MeasurementError(
            f"{clusters:,} clusters that count as only {np.floor(worth * 10) / 10:.1f} of equal size, because a few hold most of the "
            f"examples; a verdict on clustered examples needs at least {FEWEST_CLUSTERS}"
        )
    return clusters, worth

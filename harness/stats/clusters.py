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
"""With fewer, the spread between clusters cannot be told from chance."""

_PLANTED = 0.5
"""Weight of the planted cluster. Without it up to a third of the candidates that lost exactly the margin would PASS (30
clusters of 20, correlation 0.3, losses only); with it no more than 6 %."""


@dataclass(frozen=True)
class EffectiveCounts:
    """What clustered flips are worth: `n`, `gained` and `lost` divided by `design_effect` (≥ 1); `clusters` counts them."""

    n: float
    gained: float
    lost: float
    design_effect: float
    clusters: int


@dataclass(frozen=True)
class ClusterSummary:
    """Number of clusters, mean over all examples, and the standard deviation between clusters (0 for one cluster).

    `sd / sqrt(n)` is the standard error of `mean`: the three go into the t intervals as they are.
    """

    n: int
    mean: float
    sd: float


def clustered_counts(gained_by_cluster: Array, lost_by_cluster: Array, n_by_cluster: Array) -> EffectiveCounts:
    """Effective counts of clustered right-or-wrong outcomes, for `tango_interval` and its kin.

    Arguments are (k,) counts per cluster; empty clusters do not count. The design effect is the variance of the mean
    difference from cluster means (a ratio estimate where sizes differ) over the variance that independent examples would
    have, and never below 1. Into both goes half a cluster of average size that flips as one: a handful of flips cannot show how they
    cluster, and without any flip only the number of clusters counts. Both-right and both-wrong counts are to be divided by the same
    number. `MeasurementError` below 10 clusters, `ValueError` for more flips than examples.
    """
    gained, lost, n = (np.asarray(values, dtype=np.float64) for values in (gained_by_cluster, lost_by_cluster, n_by_cluster))
    check_counts(gained=gained, lost=lost, n=n)
    if (gained + lost > n).any():
        raise ValueError("a cluster has more flips than examples")
    clusters = _enough(n)
    total, b, c = float(n.sum()), float(gained.sum()), float(lost.sum())
    size, delta = total / clusters, (b - c) / total
    between = clusters / (clusters - 1) * float(((gained - lost - n * delta) ** 2).sum())
    independent = max((b + c) - (b - c) ** 2 / total, 0.0)
    effect = max((between + _PLANTED * size**2) / (independent + _PLANTED * size), 1.0)
    return EffectiveCounts(total / effect, b / effect, c / effect, effect, clusters)


def cluster_summary(codes: Array, values: Array) -> ClusterSummary:
    """Mean and spread of (n,) `values` whose clusters are (n,) `codes` (integers ≥ 0).

    The mean is over examples, so that a large cluster counts for more; with clusters of equal size the spread is the
    standard deviation of the cluster means, otherwise that of their linearised contributions to the mean.
    `MeasurementError` below 10 clusters.
    """
    values = np.asarray(values, dtype=np.float64)
    sizes = np.bincount(codes)
    clusters = _enough(sizes)
    mean = float(values.mean())
    residuals = np.bincount(codes, weights=values) - sizes * mean
    sd = clusters / len(values) * float(np.sqrt((residuals**2).sum() / (clusters - 1)))
    return ClusterSummary(clusters, mean, sd)


def cluster_means(codes: Array, values: Array) -> Floats:
    """(k,) mean of (n,) `values` in each cluster that has any, in ascending order of `codes` (integers ≥ 0)."""
    sizes = np.bincount(codes)
    sums = np.bincount(codes, weights=np.asarray(values, dtype=np.float64))
    return np.asarray(sums[sizes > 0] / sizes[sizes > 0])


def _enough(sizes: Array) -> int:
    """How many clusters are not empty."""
    clusters = int((sizes > 0).sum())
    if clusters < FEWEST_CLUSTERS:
        raise MeasurementError(f"only {clusters} clusters; a verdict on clustered examples needs at least {FEWEST_CLUSTERS}")
    return clusters

"""A quantile of a sample, between two of its ordered values: whatever the distribution."""

from __future__ import annotations

import numpy as np

from harness.stats.distributions import binomial_cdf
from harness.stats.numbers import Array, Interval, check_level


def quantile_interval(values: Array, share: float, level: float = 0.90) -> Interval[float]:
    """Two-sided interval of the quantile below which `share` of (n,) `values` lie; infinite where n values cannot tell.

    Each limit is the nearest ordered value that the quantile lies beyond with at most (1 − level)/2, from the binomial number of
    values below the quantile. An upper limit of the 99th percentile takes 299 values at level 0.90.

    >>> quantile_interval(range(299), 0.99).high, quantile_interval(range(298), 0.99).high
    (298.0, inf)
    """
    check_level(level)
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    below = binomial_cdf(np.arange(n), np.full(n, n), share)
    lower = int(np.count_nonzero(below <= (1 - level) / 2))
    upper = int(np.count_nonzero(below < (1 + level) / 2))
    return Interval(float(ordered[lower - 1]) if lower else -np.inf, float(ordered[upper]) if upper < n else np.inf)

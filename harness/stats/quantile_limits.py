"""Exact confidence limits of a percentile, by order statistics: no assumption about the distribution.

The number of n independent observations below the true q-quantile is binomial (n, q), so that the r-th smallest is an
upper limit with confidence P(X ≤ r − 1). Conover W. J. (1999), Practical Nonparametric Statistics, 3rd ed., section 3.2;
Hahn G. J., Meeker W. Q. (1991), Statistical Intervals, chapter 5.
"""

from __future__ import annotations

import math

import numpy as np

from harness.stats.distributions import binomial_cdf
from harness.stats.numbers import Array, Interval, check_level


def fewest_for_upper_limit(q: float, confidence: float = 0.95) -> int:
    """Observations from which on the largest is an upper limit of the q-quantile: the least n with 1 − qⁿ ≥ confidence.

    >>> fewest_for_upper_limit(0.99), fewest_for_upper_limit(0.95), fewest_for_upper_limit(0.5)
    (299, 59, 5)
    """
    _check(q, confidence)
    fewest = max(1, math.ceil(math.log(1 - confidence) / math.log(q) - 1e-9))
    return fewest if 1 - q**fewest >= confidence else fewest + 1


def quantile_upper_limit(values: Array, q: float, confidence: float = 0.95) -> float | None:
    """One-sided upper confidence limit of the q-quantile, one of the values; None when they are too few.

    >>> import numpy as np
    >>> quantile_upper_limit(np.arange(1, 300), 0.99), quantile_upper_limit(np.arange(1, 299), 0.99)
    (299.0, None)
    """
    _check(q, confidence)
    ordered = np.sort(np.asarray(values, dtype=np.float64), axis=None)
    count = len(ordered)
    reached = np.flatnonzero(binomial_cdf(np.arange(count), np.full(count, count), q) >= confidence)
    return float(ordered[reached[0]]) if len(reached) else None


def quantile_lower_limit(values: Array, q: float, confidence: float = 0.95) -> float | None:
    """One-sided lower confidence limit of the q-quantile, one of the values; None when they are too few.

    >>> import numpy as np
    >>> quantile_lower_limit(np.arange(1, 6), 0.5), quantile_lower_limit(np.arange(1, 5), 0.5)
    (1.0, None)
    """
    upper = quantile_upper_limit(-np.asarray(values, dtype=np.float64), 1 - q, confidence)
    return None if upper is None else -upper


def quantile_interval(values: Array, q: float, level: float = 0.90) -> Interval[float]:
    """Two-sided interval of the q-quantile, (1 − level)/2 on each side; infinite where the values are too few.

    >>> quantile_interval(range(299), 0.99).high, quantile_interval(range(298), 0.99).high
    (298.0, inf)
    """
    check_level(level)
    confidence = (1 + level) / 2
    low, high = quantile_lower_limit(values, q, confidence), quantile_upper_limit(values, q, confidence)
    return Interval(-math.inf if low is None else low, math.inf if high is None else high)


def _check(q: float, confidence: float) -> None:
    check_level(confidence)
    if not 0 < q < 1:
        raise ValueError(f"a quantile lies strictly between 0 and 1, not {q:g}")

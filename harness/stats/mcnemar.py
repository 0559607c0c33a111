"""McNemar's test on the examples that only one of the two models got right.

They are reported, and decide nothing about the whole: not significantly different is not the same as safe. Sources:
McNemar Q. (1947), Psychometrika 12, 153–157; Fagerland M. W., Lydersen S., Laake P. (2013), The McNemar test for
binary matched-pairs data: mid-p and asymptotic are better than exact conditional, BMC Medical Research Methodology 13, 91.

Counts that are not whole numbers go through the beta function, which continues the binomial tail.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.stats.distributions import beta_cdf
from harness.stats.numbers import Floats, Number, apart, check_counts, together


def mcnemar_exact(gained: Number, lost: Number) -> Any:
    """Two-sided exact conditional p; 1 without any flip."""
    (b, c), scalar = together(gained, lost)
    check_counts(gained=b, lost=c)
    more, fewer = np.maximum(b, c), np.minimum(b, c)
    return apart(np.minimum(2 * _at_least(more, fewer), 1.0), scalar)


def mcnemar_mid(gained: Number, lost: Number) -> Any:
    """Two-sided mid-p; 1 without any flip."""
    (b, c), scalar = together(gained, lost)
    check_counts(gained=b, lost=c)
    more, fewer = np.maximum(b, c), np.minimum(b, c)
    return apart(np.minimum(2 * _mid_tail(more, fewer), 1.0), scalar)


def mcnemar_mid_harm(gained: Number, lost: Number) -> Any:
    """One-sided mid-p of harm: small when more was lost than gained; ½ when as much, or nothing."""
    (b, c), scalar = together(gained, lost)
    check_counts(gained=b, lost=c)
    return apart(_mid_tail(c, b), scalar)


def _at_least(count: Floats, other: Floats) -> Floats:
    """P(X ≥ count) of Binomial(count + other, ½)."""
    return np.asarray(beta_cdf(count, other + 1, 0.5))


def _mid_tail(count: Floats, other: Floats) -> Floats:
    """P(X > count) + ½ P(X = count) of Binomial(count + other, ½)."""
    return np.asarray((beta_cdf(count, other + 1, 0.5) + beta_cdf(count + 1, other, 0.5)) / 2)

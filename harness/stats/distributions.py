"""Quantiles and tails of the normal, t, beta and binomial distributions, for scalars and arrays.

scipy.special is loaded on the first call that needs it: it takes longer to import than everything else here, and printing
help, collecting tests and planning for right-or-wrong outcomes take nothing but normal quantiles.
"""

from __future__ import annotations

from functools import cache
from statistics import NormalDist
from types import ModuleType
from typing import Any

import numpy as np

from harness.stats.numbers import Array, Floats, Number


@cache
def _special() -> ModuleType:
    from scipy import special  # noqa: PLC0415

    return special


def normal_cdf(z: Number) -> Any:
    """P(Z ≤ z)."""
    return _special().ndtr(z)


def normal_quantile(p: Number) -> Any:
    """z with P(Z ≤ z) = p; infinite at 0 and 1."""
    return NormalDist().inv_cdf(p) if isinstance(p, float) and 0 < p < 1 else _special().ndtri(p)


def two_sided_z(level: float) -> float:
    """The normal quantile of a two-sided interval: 1.645 for 0.90."""
    return float(normal_quantile((1 + level) / 2))


def t_cdf(t: Number, df: Number) -> Any:
    """P(T ≤ t) with `df` degrees of freedom."""
    return _special().stdtr(df, t)


def t_quantile(p: Number, df: Number) -> Any:
    """t with P(T ≤ t) = p; infinite where `df` is below 1, because nothing can be said there."""
    df = np.asarray(df, dtype=np.float64)
    return np.where(df >= 1, _special().stdtrit(np.maximum(df, 1), p), np.where(np.asarray(p) < 0.5, -np.inf, np.inf))


def beta_cdf(a: Number, b: Number, x: Number) -> Any:
    """P(X ≤ x) of the beta distribution; a = 0 puts all mass at 0, b = 0 all mass at 1 (then P is 0 for x < 1)."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    inner = _special().betainc(np.where(a > 0, a, 1.0), np.where(b > 0, b, 1.0), x)
    return np.where(a <= 0, 1.0, np.where(b <= 0, 0.0, inner))


def beta_quantile(p: Number, a: Number, b: Number) -> Any:
    """x with P(X ≤ x) = p of the beta distribution."""
    return _special().betaincinv(a, b, p)


def binomial_cdf(k: Array, n: Array, p: Number) -> Floats:
    """P(X ≤ k) of Binomial(n, p); 0 for k < 0, 1 for k ≥ n."""
    k, n = np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64)
    inside = (k >= 0) & (k < n)
    tail = _special().betainc(np.where(inside, n - k, 1.0), np.where(inside, k + 1, 1.0), 1 - np.asarray(p))
    return np.where(k < 0, 0.0, np.where(k >= n, 1.0, tail))


def binomial_pmf(k: Array, n: Number, p: Number) -> Floats:
    """P(X = k) of Binomial(n, p)."""
    special = _special()
    k = np.asarray(k, dtype=np.float64)
    choose = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return np.asarray(np.exp(choose + special.xlogy(k, p) + special.xlog1py(n - k, -p)))


def noncentral_t_cdf(df: Number, shift: Number, t: Number) -> Any:
    """P(T ≤ t) of the noncentral t distribution with noncentrality `shift`."""
    return _special().nctdtr(df, shift, t)


def noncentral_t_shift(df: Number, p: Number, t: Number) -> Any:
    """The noncentrality at which P(T ≤ t) = p."""
    return _special().nctdtrinc(df, p, t)

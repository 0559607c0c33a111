"""How many examples a verdict on scores takes, and what those at hand can prove: the planner beside `planted_t`.

`sd` is that of the paired differences, `reach` the largest difference one example can show. All answers assume a
candidate that truly lost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from harness.stats.distributions import normal_quantile, t_quantile
from harness.stats.numbers import Array, Floats, Number, apart, check_counts, check_level, together
from harness.stats.sample_size import POWER

_MOST = 1e15


def required_n_paired(omega_squared: float, difference: float, alpha: float = 0.05, power: float = POWER) -> int:
    """Examples that detect a true mean `difference` in a two-sided paired test of level `alpha`.

    `omega_squared` is the variance of the differences of the examples' expected scores. Miller E. (2024), Adding error
    bars to evals, arXiv:2411.00640, with answers that do not vary when the same example is asked again.

    >>> required_n_paired(1 / 9, 0.03)
    969
    """
    if omega_squared < 0 or difference == 0 or not 0 < alpha < 1 or not 0 < power < 1:
        raise ValueError("a variance is zero or more, a difference to be found is not 0, alpha and power lie between 0 and 1")
    z = float(normal_quantile(1 - alpha / 2)) + float(normal_quantile(power))
    return int(np.ceil(z * z * omega_squared / difference**2))


def smallest_provable_margin_scores(n: Number, sd: Number, reach: Number, power: float = POWER, level: float = 0.90) -> Any:
    """The margin within which a model that lost nothing is proven with probability `power`; `reach` at most."""
    check_level(level)
    (n, sd, reach), scalar = together(n, sd, reach)
    check_counts(n=n, sd=sd, reach=reach)
    return apart(np.minimum(_provable(n, sd, reach, power, level), reach), scalar)


@overload
def needs_more_scores(n: float, mean: float, sd: float, reach: float, margin: float, level: float = 0.90) -> int | None: ...
@overload
def needs_more_scores(n: Array, mean: Number, sd: Number, reach: Number, margin: Number, level: float = 0.90) -> tuple[int | None, ...]: ...
def needs_more_scores(
    n: Number, mean: Number, sd: Number, reach: Number, margin: Number, level: float = 0.90
) -> int | tuple[int | None, ...] | None:
    """About how many more examples would prove `margin`, if there is truly no drop; one answer per segment for arrays.

    None when the observed drop (−`mean`) is the margin or more, or the margin can never be proven. Where the examples
    asked for are already there and chance went against the candidate, the answer is what carries the mean through if
    everything to come shows no change.
    """
    check_level(level)
    (n, mean, sd, reach, m), scalar = together(n, mean, sd, reach, margin)
    mean, sd = np.where(n > 0, mean, 0.0), np.where(n > 1, sd, 0.0)
    check_counts(n=n, sd=sd, reach=reach, margin=m)
    open_ = (m > 0) & ((-mean < m) | (n == 0))
    answers = np.full(len(n), np.nan)
    answers[open_] = _more(n[open_], mean[open_], sd[open_], reach[open_], m[open_], level)
    numbers = tuple(None if np.isnan(count) else int(count) for count in answers)
    return numbers[0] if scalar else numbers


def _more(n: Floats, mean: Floats, sd: Floats, reach: Floats, margin: Floats, level: float) -> Floats:
    """Further examples; the spread counts one example at full reach more than was seen, as the flip rate counts one flip more."""
    spread = np.sqrt((np.maximum(n - 1, 0) * sd * sd + reach * reach) / np.maximum(n, 1))
    more = _fewest(n, lambda total: _provable(total, spread, reach, POWER, level) <= margin)
    carried = _fewest(n, lambda total: _provable(total, spread, reach, 0.5, level) - mean * n / total <= margin)
    return np.where(more >= 1, more, np.maximum(carried, 1.0))


def _fewest(n: Floats, enough: Callable[[Floats], NDArray[np.bool_]]) -> Floats:
    """The fewest further examples with which `enough` holds; 0 when it holds already."""
    low, high = np.full_like(n, -1.0), np.maximum(n, 1.0)
    while (short := ~enough(n + high)).any() and high.max() < _MOST:
        low, high = np.where(short, high, low), np.where(short, 2 * high, high)
    while (wide := high - low > 1).any():
        middle = np.floor((low + high) / 2)
        done = enough(n + middle)
        low, high = np.where(wide & ~done, middle, low), np.where(wide & done, middle, high)
    return high


def _provable(n: Floats, sd: Floats, reach: Floats, power: float, level: float) -> Floats:
    """Distance of the planted lower limit from 0 that is exceeded with probability 1 − `power`."""
    size = np.maximum(n, 1)
    squares = np.maximum(n - 1, 0) * sd * sd + n / (n + 1) * reach * reach
    error = np.sqrt(squares / (size * (n + 1)))
    half = np.where(n >= 1, t_quantile((1 + level) / 2, size) * error, np.inf)
    return np.asarray(reach / (n + 1) + half + float(normal_quantile(power)) * sd / np.sqrt(size))

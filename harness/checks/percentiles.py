"""Percentiles of durations: which, from how many requests on, and per round."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.arrays.timing import Nanoseconds, Timings
from harness.stats import FEWEST_ROUNDS, fewest_for_upper_limit, quantile_lower_limit, quantile_upper_limit, round_ratio
from harness.stats.numbers import Floats

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}

_FEWEST_PER_ROUND = 10


def fewest_per_round(percentile: str) -> int:
    """Requests per model and round from which on its percentile is more than one request's luck: one in 1 / (1 − q) lies beyond.

    >>> fewest_per_round("p50"), fewest_per_round("p95"), fewest_per_round("p99")
    (10, 20, 100)
    """
    return max(_FEWEST_PER_ROUND, math.ceil(1 / (1 - PERCENTILES[percentile]) - 1e-9))


def fewest_in_all(percentile: str, level: float) -> int:
    """Requests from which on the percentile has an upper confidence limit."""
    return fewest_for_upper_limit(PERCENTILES[percentile], (1 + level) / 2)


def log_ratios(timings: Timings, percentile: str) -> Floats | None:
    """(rounds,) log of the candidate's percentile over the original's; None where there is no original, or too few requests."""
    original, candidate = timings.pooled("original"), timings.pooled("candidate")
    if original is None or candidate is None or min(original.shape[1], candidate.shape[1]) < fewest_per_round(percentile):
        return None
    return np.asarray(np.log(_per_round(candidate, percentile)) - np.log(_per_round(original, percentile)))


@dataclass(frozen=True)
class Percentile:
    """A percentile in seconds with one-sided limits on both sides; None where the requests are too few."""

    value: float
    low: float | None
    high: float | None


def percentile_of(samples: Nanoseconds, percentile: str, level: float) -> Percentile | None:
    """The percentile of (rounds, requests) durations; None when they are too few for an upper limit.

    Its limits are exact if requests are independent (order statistics), and made wider where the rounds say so: within a
    round the requests share what disturbs the machine, and then the spread between the rounds counts.
    """
    q, confidence = PERCENTILES[percentile], (1 + level) / 2
    high = quantile_upper_limit(samples, q, confidence)
    if high is None:
        return None
    low = quantile_lower_limit(samples, q, confidence)
    if len(samples) >= FEWEST_ROUNDS and samples.shape[1] >= fewest_per_round(percentile):
        between = round_ratio(np.log(_per_round(samples, percentile)), level)
        low, high = None if low is None else min(low, between.low), max(high, between.high)
    return Percentile(float(np.quantile(samples, q)) / 1e9, None if low is None else low / 1e9, high / 1e9)


def _per_round(samples: Nanoseconds, percentile: str) -> Floats:
    return np.asarray(np.maximum(np.quantile(samples, PERCENTILES[percentile], axis=1), 1.0))

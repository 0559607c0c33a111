"""The second key of a segment's FAIL: is it significantly worse than the whole, and harmed at all?

A segment fails when its interval lies outside the margin (the first key) and this p is small enough for its family (the
second). Holm against the margin alone would miss most damaged segments among many.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.stats.mcnemar import mcnemar_mid_harm
from harness.stats.numbers import Number, apart, together
from harness.stats.planted_t import planted_t_p_harm
from harness.stats.tango import tango_p_harm


def tolerated_drop(whole_drop: float, margin: Number) -> Any:
    """What a segment may lose before it counts as worse than the whole: the whole's observed drop, within [0, margin]."""
    (drop, most), scalar = together(whole_drop, margin)
    return apart(np.clip(drop, 0.0, most), scalar)


def two_key_p(gained: Number, lost: Number, n: Number, tolerated: Number) -> Any:
    """p for right-or-wrong outcomes: the larger of Tango's p for H0: δ ≥ −`tolerated` and McNemar's one-sided mid-p of harm."""
    (b, c, n, drop), scalar = together(gained, lost, n, tolerated)
    return apart(np.maximum(tango_p_harm(b, c, n, -drop), mcnemar_mid_harm(b, c)), scalar)


def two_key_p_scores(n: Number, mean: Number, sd: Number, reach: Number, tolerated: Number) -> Any:
    """p for scores: the larger of the planted t's p for H0: δ ≥ −`tolerated` and for H0: δ ≥ 0; arguments as `planted_t_interval`."""
    (n, mean, sd, reach, drop), scalar = together(n, mean, sd, reach, tolerated)
    worse = planted_t_p_harm(n, mean, sd, reach, -drop)
    return apart(np.maximum(worse, planted_t_p_harm(n, mean, sd, reach, np.zeros_like(drop))), scalar)

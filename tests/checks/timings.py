"""Durations as a quiet machine and a noisy one would give them, from known ratios."""

from __future__ import annotations

import numpy as np

from harness.arrays.timing import Timings


def timings(
    ratio: float = 1.0,
    *,
    seed: int = 0,
    rounds: int = 8,
    calls: int = 60,
    spread: float = 0.02,
    between: float = 0.05,
    drift: float = 0.0,
    seconds: float = 0.002,
    alone: bool = False,
) -> Timings:
    """Blocks of log-normal durations with a tail.

    `spread` is the standard deviation of a block's own log pace, `between` that of the round's (which both models share),
    `drift` the change of the log ratio from the first round to the last.
    """
    random = np.random.default_rng(seed)
    shared = random.normal(0, between, (rounds, 1, 1))
    moving = np.linspace(0, drift, rounds).reshape(-1, 1, 1)

    def samples(factor: float, moved: np.ndarray | float) -> np.ndarray:
        pace = shared + random.normal(0, spread, (rounds, 2, 1)) + moved
        noise = random.normal(0, 0.03, (rounds, 2, calls)) + random.exponential(0.05, (rounds, 2, calls))
        return np.round(seconds * 1e9 * factor * np.exp(pace + noise)).astype(np.int64)

    original, candidate = samples(1.0, 0.0), samples(ratio, moving)
    return Timings(candidate, None if alone else original, (True,) * rounds)

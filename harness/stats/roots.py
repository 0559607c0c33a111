"""Roots of many monotone functions at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.stats.numbers import Floats

_RELATIVE = 2 * float(np.finfo(np.float64).eps)
_ABSOLUTE = 1e-17
_MOST_STEPS = 240
_BISECT_EVERY = 4


def find_roots(function: Callable[[Floats], Floats], positive: Floats, negative: Floats) -> Floats:
    """One root per element, between `positive` (where the function is ≥ 0) and `negative` (where it is ≤ 0).

    The signs at the two ends are taken as given, so that a trivial root that lies on an end is not mistaken for the
    wanted one. Inverse quadratic interpolation where it is safe, else bisection (Chandrupatla 1997, Advances in
    Engineering Software 28, 145–149), to the last bits of a double; an end is returned where both coincide.
    """
    a, b = positive.astype(np.float64), negative.astype(np.float64)
    f_a, f_b = function(a), function(b)
    large = np.maximum(np.maximum(np.abs(f_a), np.abs(f_b)), 1.0)
    f_a, f_b = np.where(f_a > 0, f_a, large), np.where(f_b < 0, f_b, -large)
    share = np.full_like(a, 0.5)
    best = a
    for step in range(1, _MOST_STEPS):
        x = a + share * (b - a)
        f_x = function(x)
        same = np.sign(f_x) == np.sign(f_a)
        c, f_c = np.where(same, a, b), np.where(same, f_a, f_b)
        b, f_b = np.where(same, b, a), np.where(same, f_b, f_a)
        a, f_a = x, f_x
        best = np.where(np.abs(f_a) < np.abs(f_b), a, b)
        width, tolerance = np.abs(b - a), _RELATIVE * np.abs(best) + _ABSOLUTE
        done = (width <= 2 * tolerance) | (f_a == 0)
        if done.all():
            break
        interpolated = _next_share((a, b, c), (f_a, f_b, f_c), tolerance, width) if step % _BISECT_EVERY else 0.5
        share = np.where(done, 0.0, interpolated)
    return best


def _next_share(x: tuple[Floats, Floats, Floats], f: tuple[Floats, Floats, Floats], tolerance: Floats, width: Floats) -> Floats:
    """How far from a towards b to look next: by interpolation where that is safe, else half way."""
    (a, b, c), (f_a, f_b, f_c) = x, f
    with np.errstate(all="ignore"):
        xi, phi = (a - b) / (c - b), (f_a - f_b) / (f_c - f_b)
        safe = (phi * phi < xi) & ((1 - phi) * (1 - phi) < 1 - xi)
        guess = f_a / (f_b - f_a) * f_c / (f_b - f_c) + (c - a) / (b - a) * f_a / (f_c - f_a) * f_b / (f_c - f_b)
        least = np.minimum(tolerance / width, 0.5)
    return np.where(safe & np.isfinite(guess), np.clip(guess, least, 1 - least), 0.5)

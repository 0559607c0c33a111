"""How many more examples are said to be needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.checks.table import Table


def table(delta: float, low: float, high: float, margin: float, n: int = 10_000, needs_more: int | None = 7) -> Table:
    one: Any = lambda value: np.array([value])  # noqa: E731
    values = [one(0.9)] * 6
    return Table("m", one(n), *values, one(delta), one(low), one(high), one(margin), one(True), one(True), ("",), (needs_more,), (None,))


def test_where_no_drop_is_possible_it_is_supposed() -> None:
    assert table(-0.002, -0.012, 0.008, 0.01).further(0, 0.90) == 7


def test_where_a_loss_is_clear_it_is_supposed_to_stay() -> None:
    """0.9 points lost (0.6 to 1.2) and 1 allowed: 0.3 (1 + 0.8416/1.6449) points have to shrink to 0.1 with √n."""
    found = table(-0.009, -0.012, -0.006, 0.01)
    assert found.loss_is_clear(0)
    more = found.further(0, 0.90)
    assert more == pytest.approx(10_000 * (0.3 * (1 + 0.841621 / 1.644854) / 0.1) ** 2 - 10_000, rel=1e-4)


def test_the_examples_that_are_said_to_be_needed_suffice_four_times_out_of_five() -> None:
    """Losses are drawn with the true drop that was seen; then the lower limit lies within the margin as often as was said."""
    n, lost = 4_000, 0.012
    spread = np.sqrt(lost * (1 - lost) / n)
    more = table(-lost, -lost - 1.645 * spread, -lost + 1.645 * spread, 0.015, n).further(0, 0.90)
    assert more is not None
    total = n + more
    drops = np.random.default_rng(0).binomial(total, lost, 20_000) / total
    upper = drops + 1.645 * np.sqrt(drops * (1 - drops) / total)
    assert (upper <= 0.015).mean() == pytest.approx(0.8, abs=0.03)


def test_at_the_margin_more_examples_are_not_the_way() -> None:
    assert table(-0.01, -0.014, -0.006, 0.01).further(0, 0.90) is None

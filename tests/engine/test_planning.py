"""What is said before anything runs about gates that cannot prove what they ask for."""

from __future__ import annotations

import re

import pytest

from harness.engine.items import Item
from harness.engine.planning import underpowered
from harness.stats import power_binary
from tests.checks.build import quality


@pytest.mark.parametrize("n", [300, 1000, 3080])
def test_the_margin_it_offers_can_be_proven_and_is_not_the_one_that_cannot(n: int) -> None:
    """3,080 examples prove 1.01pp: rounding to nearest would offer the very margin that was refused."""
    check = quality("1pp")
    item = Item("suite", "int8", "accuracy", None, n, planner=lambda: check.power(n, None, None))
    (line,) = underpowered([item])
    (offered,) = re.findall(r"a margin of ([\d.]+)pp", line)
    assert float(offered) > 1
    assert power_binary(n, 0.05, float(offered) / 100) >= 0.8
    assert power_binary(n, 0.05, float(offered) / 100 - 0.001) < 0.8

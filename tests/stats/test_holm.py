"""Holm against statsmodels and the example of Benjamini and Hochberg 1995."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from harness.stats import holm

BENJAMINI_HOCHBERG_1995 = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
]  # fmt: skip


def test_published_example() -> None:
    result = holm(BENJAMINI_HOCHBERG_1995)
    assert result.rejected.sum() == 3
    assert result.rejected[:3].all()


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.sampled_from([0.01, 0.05, 0.2]))
def test_is_that_of_statsmodels(p_values: list[float], alpha: float) -> None:
    rejected, adjusted, _, _ = multipletests(p_values, alpha, method="holm")
    result = holm(p_values, alpha)
    assert result.adjusted == pytest.approx(adjusted, abs=1e-12)
    # statsmodels compares p with alpha / (k - i), this compares k - i times p with alpha: equal but for rounding at the border.
    clear = np.abs(adjusted - alpha) > 1e-9
    assert (result.rejected == rejected)[clear].all()


def test_empty_family_and_impossible_p() -> None:
    assert holm([]).rejected.shape == (0,)
    for wrong in (float("nan"), -0.1, 1.1):
        with pytest.raises(ValueError, match="between 0 and 1"):
            holm([0.5, wrong])

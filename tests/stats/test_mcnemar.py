"""McNemar's tests against published values, statsmodels, scipy and a sum by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from harness.stats import mcnemar_exact, mcnemar_mid, mcnemar_mid_harm

flips = st.integers(0, 300)


def test_published_values() -> None:
    assert round(mcnemar_exact(1, 7), 4) == 0.0703  # Fagerland et al. 2014
    assert round(mcnemar_mid(1, 7), 4) == 0.0391


@given(flips, flips)
def test_exact_is_that_of_statsmodels(gained: int, lost: int) -> None:
    expected = mcnemar([[5, gained], [lost, 5]], exact=True).pvalue if gained + lost else 1.0
    assert mcnemar_exact(gained, lost) == pytest.approx(expected, rel=1e-9)


@given(flips, flips)
def test_mid_p_is_that_of_the_binomial(gained: int, lost: int) -> None:
    flips_in_all = stats.binom(gained + lost, 0.5)
    harm = flips_in_all.sf(lost) + flips_in_all.pmf(lost) / 2
    assert mcnemar_mid_harm(gained, lost) == pytest.approx(harm, rel=1e-9, abs=1e-300)
    fewer = min(gained, lost)
    two_sided = 2 * (flips_in_all.cdf(fewer) - flips_in_all.pmf(fewer) / 2)
    assert mcnemar_mid(gained, lost) == pytest.approx(two_sided, rel=1e-9)


@given(st.floats(0, 300), st.floats(0, 300))
def test_mid_p_of_harm_and_of_gain_sum_to_one(gained: float, lost: float) -> None:
    assert mcnemar_mid_harm(gained, lost) + mcnemar_mid_harm(lost, gained) == pytest.approx(1, abs=1e-9)


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0.01, 5))
def test_more_losses_are_more_evidence_also_between_whole_numbers(gained: float, lost: float, more: float) -> None:
    assert mcnemar_mid_harm(gained, lost + more) <= mcnemar_mid_harm(gained, lost) + 1e-12


def test_arrays_and_nothing() -> None:
    assert mcnemar_exact(0, 0) == mcnemar_mid(0, 0) == 1
    assert mcnemar_mid_harm(0, 0) == 0.5
    assert mcnemar_mid(np.array([1, 0]), np.array([7, 0])) == pytest.approx([10 / 256, 1])  # 2 (1/256 + 8/512)
    with pytest.raises(ValueError, match="lost"):
        mcnemar_exact(1, -1)

"""Clustered examples: what must hold for the design effect, and the error rates it is there for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import MeasurementError
from harness.stats import cluster_means, cluster_summary, clustered_counts, tango_interval

cluster = (
    st.integers(1, 12)
    .flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
    .flatmap(lambda pair: st.tuples(st.integers(0, pair[1] - pair[0]), st.just(pair[0]), st.just(pair[1])))
)
clusters = st.lists(cluster, min_size=10, max_size=60)


@given(clusters)
def test_effect_is_at_least_one_and_divides_all_counts(rows: list[tuple[int, int, int]]) -> None:
    gained, lost, n = np.array(rows).T
    counts = clustered_counts(gained, lost, n)
    assert counts.design_effect >= 1
    assert counts.clusters == len(rows)
    assert counts.n * counts.design_effect == pytest.approx(n.sum())
    assert counts.gained * counts.design_effect == pytest.approx(gained.sum())
    assert counts.lost * counts.design_effect == pytest.approx(lost.sum())


def test_without_flips_only_the_clusters_count() -> None:
    nothing = np.zeros(40)
    counts = clustered_counts(nothing, nothing, np.full(40, 5))
    assert (counts.n, counts.design_effect) == (40, 5)


def test_the_first_flips_do_not_make_examples_independent() -> None:
    n = np.full(30, 20)
    one_loss = np.zeros(30)
    one_loss[3] = 1
    none, one = clustered_counts(np.zeros(30), np.zeros(30), n), clustered_counts(np.zeros(30), one_loss, n)
    low_with_none = tango_interval(none.n, 0, 0, 0).low
    low_with_one = tango_interval(one.n - one.lost, 0, one.lost, 0).low
    assert low_with_one < low_with_none + 0.03
    assert one.n < 2 * none.n


def test_clusters_of_one_are_independent() -> None:
    rng = np.random.default_rng(0)
    kind = rng.choice(3, 2000, p=[0.9, 0.05, 0.05])
    counts = clustered_counts(kind == 1, kind == 2, np.ones(2000))
    assert counts.design_effect == pytest.approx(1, abs=0.01)


def test_clusters_that_flip_as_one_count_as_one() -> None:
    flips = np.zeros(200)
    flips[:30], flips[30:50] = 8, -8
    counts = clustered_counts(np.maximum(flips, 0), np.maximum(-flips, 0), np.full(200, 8))
    assert counts.design_effect == pytest.approx(8, rel=0.01)
    assert counts.n == pytest.approx(200, rel=0.01)


def test_too_few_clusters_and_impossible_ones_are_refused() -> None:
    with pytest.raises(MeasurementError, match="only 9 clusters"):
        clustered_counts(np.zeros(12), np.zeros(12), np.array([4] * 9 + [0] * 3))
    with pytest.raises(MeasurementError, match="only 3 clusters"):
        cluster_summary(np.array([0, 4, 7, 7]), np.ones(4))
    with pytest.raises(ValueError, match="more flips than examples"):
        clustered_counts(np.full(10, 3), np.full(10, 3), np.full(10, 5))


def simulated(rng: np.random.Generator, reps: int, k: int, size: int, gain: float, loss: float, correlation: float) -> np.ndarray:
    """(reps, k, size) of 1 gained, −1 lost, 0 same; two examples of one cluster correlate as asked."""

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        u = rng.random(shape)
        return np.where(u < gain, 1, np.where(u < gain + loss, -1, 0))

    shared = rng.random((reps, k, size)) < np.sqrt(correlation)
    return np.where(shared, draw((reps, k, 1)), draw((reps, k, size)))


def false_pass(reps: int, k: int, size: int, gain: float, margin: float, correlation: float) -> tuple[float, float]:
    """With the design effect, and with plain counts, at a true drop of exactly the margin."""
    flips = simulated(np.random.default_rng(k * size), reps, k, size, gain, gain + margin, correlation)
    gained, lost, n = (flips == 1).sum(2), (flips == -1).sum(2), np.full(k, size)
    effective = [clustered_counts(b, c, n) for b, c in zip(gained, lost, strict=True)]
    b, c, total = (np.array([getattr(counts, name) for counts in effective]) for name in ("gained", "lost", "n"))
    low = tango_interval(total - b - c, b, c, np.zeros(reps)).low
    plain = tango_interval(k * size - gained.sum(1) - lost.sum(1), gained.sum(1), lost.sum(1), np.zeros(reps)).low
    return float((low > -margin).mean()), float((plain > -margin).mean())


@pytest.mark.parametrize("k", [20, 100, 300])
def test_false_pass_of_clustered_examples(k: int) -> None:
    clustered, plain = false_pass(3000, k, 5, 0.05, 0.02, 0.3)
    assert clustered <= 0.07
    assert plain == pytest.approx(0.13, abs=0.025)


@pytest.mark.slow
@pytest.mark.parametrize("size", [3, 5, 20])
@pytest.mark.parametrize("correlation", [0.1, 0.3, 0.6, 0.95])
def test_false_pass_whatever_the_flips_and_the_correlation(size: int, correlation: float) -> None:
    for k in (20, 30, 50, 100, 200):
        for gain in (0.0, 0.01, 0.05):
            assert false_pass(2000, k, size, gain, 0.02, correlation)[0] <= 0.075


def test_cluster_means_and_summary_of_equal_clusters() -> None:
    codes = np.repeat(np.arange(12), 4)
    values = np.random.default_rng(2).normal(size=48)
    means = values.reshape(12, 4).mean(1)
    assert cluster_means(codes, values) == pytest.approx(means)
    summary = cluster_summary(codes, values)
    assert (summary.n, summary.mean, summary.sd) == pytest.approx((12, means.mean(), means.std(ddof=1)))


def test_summary_of_unequal_clusters_has_the_spread_of_the_overall_mean() -> None:
    rng = np.random.default_rng(4)
    sizes = rng.integers(1, 15, 400)
    codes = np.repeat(np.arange(400), sizes)
    means, claimed = [], []
    for _ in range(400):
        values = np.repeat(rng.normal(size=400), sizes) + rng.normal(size=len(codes))
        summary = cluster_summary(codes, values)
        means.append(summary.mean)
        claimed.append(summary.sd / np.sqrt(summary.n))
    assert np.mean(claimed) == pytest.approx(np.std(means), rel=0.1)
    assert summary.mean == pytest.approx(values.mean())


def test_missing_codes_are_not_clusters() -> None:
    assert cluster_means(np.array([1, 1, 5]), np.array([1.0, 3.0, 7.0])) == pytest.approx([2, 7])

"""How long intervals and metrics take, against the plain way to the same number. Nothing here is asserted of a duration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from ruamel.yaml import YAML
from scipy import optimize, stats
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from harness.stats import delong, power_binary, tango_interval
from tests.metrics.build import metric, outputs, targets
from tests.spec.fakes import SMALL, load

pytestmark = pytest.mark.slow

SEGMENTS, ROWS, CLASSES = 10_000, 1_000_000, 77
LABELS = tuple(map(str, range(CLASSES)))


def segments(count: int) -> Any:
    rng = np.random.default_rng(0)
    return rng.multinomial(rng.integers(1, 3000, count), [0.8, 0.03, 0.04, 0.13]).T


def tango_one_by_one(both_right: int, gained: int, lost: int, both_wrong: int) -> tuple[float, float]:
    """The score interval's limits by a root finder, one segment at a time."""
    n, z = int(both_right + gained + lost + both_wrong), stats.norm.ppf(0.95)
    drop = (lost - gained) / n

    def excess(delta: float) -> float:
        a, b, c = 2 * n, -lost - gained + (2 * n - lost + gained) * delta, -gained * delta * (1 - delta)
        q = (np.sqrt(b * b - 4 * a * c) - b) / (2 * a)
        spread = n * (2 * q + delta * (1 - delta))
        return float(abs(n * (drop - delta)) - z * np.sqrt(max(spread, 0)))

    ends = [optimize.brentq(excess, drop, end, disp=False) if excess(drop) * excess(end) < 0 else end for end in (-1 + 1e-9, 1 - 1e-9)]
    return ends[0], ends[1]


@pytest.mark.parametrize("how", ["vectorised", "root finder, a hundredth of them"])
def test_tango_limits_of_10_000_segments(benchmark: BenchmarkFixture, how: str) -> None:
    if how == "vectorised":
        limits = benchmark(tango_interval, *segments(SEGMENTS))
        assert len(limits.low) == SEGMENTS
    else:
        few = segments(SEGMENTS).T[: SEGMENTS // 100].tolist()
        assert len(benchmark(lambda: [tango_one_by_one(*cells) for cells in few])) == SEGMENTS // 100


@pytest.mark.parametrize("how", ["delong", "scikit-learn's two areas"])
def test_the_difference_of_two_areas_of_a_million_scores(benchmark: BenchmarkFixture, how: str) -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(ROWS) < 0.1
    scores = rng.normal(size=ROWS) + positive
    others = scores + 0.1 * rng.normal(size=ROWS)
    calls: dict[str, Callable[[], object]] = {
        "delong": lambda: delong(scores, others, positive),
        "scikit-learn's two areas": lambda: [roc_auc_score(positive, each) for each in (scores, others)],
    }
    assert benchmark.pedantic(calls[how], rounds=3)


@pytest.mark.parametrize("n", [100, 5_000, 5_000_000])
def test_the_power_of_a_segment(benchmark: BenchmarkFixture, n: int) -> None:
    power_binary(100, 0.05, 0.02)
    assert 0 <= benchmark(power_binary, n, 0.05, 0.02) <= 1


def answers(n: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, CLASSES, n)
    return truth, np.where(rng.random(n) < 0.9, truth, rng.integers(0, CLASSES, n))


@pytest.mark.parametrize("how", ["harness", "scikit-learn"])
def test_accuracy_and_macro_f1_of_a_million_rows(benchmark: BenchmarkFixture, how: str) -> None:
    truth, said = answers(ROWS)
    pair = outputs("multiclass", "label", said, LABELS), targets("multiclass", truth, LABELS)
    calls: dict[str, Callable[[], tuple[float, float]]] = {
        "harness": lambda: (metric("accuracy").scores(*pair).mean(), metric("f1").prepare(*pair).value()),
        "scikit-learn": lambda: (accuracy_score(truth, said), f1_score(truth, said, average="macro")),
    }
    found = benchmark.pedantic(calls[how], rounds=2)
    assert found == pytest.approx(calls["scikit-learn"]())


@pytest.mark.parametrize("how", ["2,000 resamples", "scikit-learn, 20 resamples"])
def test_resamples_of_macro_f1(benchmark: BenchmarkFixture, how: str) -> None:
    truth, said = answers(3_080)
    rng = np.random.default_rng(1)
    if how == "2,000 resamples":
        statistic = metric("f1").prepare(outputs("multiclass", "label", said, LABELS), targets("multiclass", truth, LABELS))
        _, cells, counts = np.unique(statistic.cells(), return_index=True, return_counts=True)
        weights = rng.multinomial(3_080, counts / 3_080, size=2_000).astype(float)
        found = benchmark(statistic.values, cells, weights)
    else:
        rows = rng.integers(0, 3_080, (20, 3_080))
        found = np.array(benchmark.pedantic(lambda: [f1_score(truth[each], said[each], average="macro") for each in rows], rounds=2))
    assert 0.85 < found.mean() < 0.95


@pytest.mark.parametrize("how", ["harness", "ruamel alone"])
def test_a_suite_of_200_lines_is_read(benchmark: BenchmarkFixture, tmp_path: Path, how: str) -> None:
    check = "  c{}: {{metric: accuracy, max_drop: 2pp, per: [language]}}\n"
    text = SMALL + "".join(check.format(index) for index in range(191))
    assert text.count("\n") == 200
    assert benchmark((lambda: load(tmp_path, text)) if how == "harness" else (lambda: YAML(typ="rt").load(text)))

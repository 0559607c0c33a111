"""What a PASS of a metric that is not a mean takes, with expectations that are computed here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats as reference

from harness.arrays.baseline import Outcomes
from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.catalogue.refs import MetricRef
from harness.checks.material import Material
from harness.checks.quality import QualityCheck, QualityParameters, capped_scores
from harness.checks.recall import Recalled
from harness.checks.scored import ScoreEvaluator
from harness.checks.table import Evaluator, Groups
from harness.checks.units import UnitEvaluator
from harness.checks.whole_set import AurocEvaluator
from harness.core.models import OutputSpec, OutputType, Task
from harness.core.outcome import Outcome
from harness.core.verdict import Verdict
from harness.metrics.builtin import METRICS
from harness.metrics.likelihood import TokenLogLikelihood
from tests.checks.build import LABELS, labels, material, quality


def check(metric: str, max_drop: object, level: float = 0.90, **parameters: object) -> QualityCheck:
    """A quality check of a metric with parameters of its own."""
    kind = next(kind for kind in METRICS if kind.name == metric)
    chosen = kind.parameters.model_validate(parameters)
    settings = {"metric": MetricRef(metric, chosen), "max_drop": max_drop, "level": level}
    return QualityCheck(metric, QualityParameters.model_validate(settings), kind.implementation(chosen, None))


def numbers(original: np.ndarray, candidate: np.ndarray, targets: Targets, spec: OutputSpec, offsets: np.ndarray | None = None) -> Material:
    """Both models' numbers on the same examples."""
    n = len(original) if offsets is None else len(offsets) - 1
    before, after = (Outputs(spec, np.asarray(v), np.zeros(n, dtype=np.uint8), spec.labels, offsets) for v in (original, candidate))
    made = material(before, after, [0] * n)
    return replace(made, examples=replace(made.examples, targets=targets))


def regression(
    metric: str, original: np.ndarray, candidate: np.ndarray, truth: np.ndarray, max_drop: object, **parameters: object
) -> Verdict:
    spec = OutputSpec(OutputType.VALUES, Task.REGRESSION)
    return check(metric, max_drop, **parameters).judge(numbers(original, candidate, Targets(Task.REGRESSION, truth), spec))[0]


def binary(metric: str, truth: list[int], answers: list[int]) -> Verdict:
    """An unchanged binary model at 2pp."""
    spec = OutputSpec(OutputType.LABEL, Task.BINARY, labels=LABELS, positive="yes")
    codes = np.array(answers, dtype=np.int32)
    made = numbers(codes, codes, Targets(Task.BINARY, np.array(truth, dtype=np.int32), LABELS), spec)
    return quality("2pp", metric).judge(made)[0]


def found(made: Material, metric: str, max_drop: object = "2pp", **parameters: object) -> Evaluator:
    assert made.original is not None
    assert made.outputs is not None
    return check(metric, max_drop, **parameters).evaluator(made.original, made.outputs, made)


# Failures planted where they hurt


@pytest.mark.parametrize("metric", ["f1", "balanced_accuracy"])
@pytest.mark.parametrize("n", [20, 30, 60])
def test_rows_that_are_already_wrong_are_not_the_ones_that_fail(metric: str, n: int) -> None:
    truth = [0, 1] * (n // 2)
    answers = [1 - t if i < 6 else t for i, t in enumerate(truth)]
    verdict = quality("2pp", metric).judge(material(labels(answers), labels(answers), truth))[0]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "would undo the proof" in verdict.reason


@pytest.mark.parametrize(
    ("metric", "positives", "negatives", "passes"),
    [
        ("recall", 10, 10, False),
        ("recall", 15, 12, False),
        ("recall", 40, 20, False),
        ("recall", 150, 20, False),
        ("recall", 151, 20, True),
        ("precision", 10, 30, False),
        ("precision", 140, 10, False),
        ("precision", 148, 10, True),
    ],
)
def test_every_class_may_be_the_one_that_fails(metric: str, positives: int, negatives: int, passes: bool) -> None:
    """3 lost of 150 are 2 points of recall; 3 false alarms beside 147 hits are 2 points of precision: both exactly too much."""
    truth = [1] * positives + [0] * negatives
    assert (binary(metric, truth, truth).outcome is Outcome.PASS) is passes


def test_the_order_of_the_rows_decides_nothing() -> None:
    rng = np.random.default_rng(1)
    truth = rng.choice(2, 400, p=[0.7, 0.3])
    original = np.where(rng.random(400) < 0.9, truth, 1 - truth)
    candidate = np.where(rng.random(400) < 0.99, original, 1 - original)
    orders = [np.argsort(original == truth, kind="stable"), np.argsort(original != truth, kind="stable"), rng.permutation(400)]
    for margin in ("2pp", "5pp"):
        judged = [
            quality(margin, "f1").judge(material(labels(original[o].tolist()), labels(candidate[o].tolist()), truth[o].tolist()))[0]
            for o in orders
        ]
        assert len({(verdict.outcome, verdict.reason) for verdict in judged}) == 1


def test_what_cannot_get_worse_proves_nothing_while_it_is_small() -> None:
    """No positive is ever found: recall is 0, and further failures cannot lower it."""
    for size, outcome in ((299, Outcome.INCONCLUSIVE), (300, Outcome.PASS)):
        verdict = binary("recall", [1] * size + [0] * 400, [0] * (size + 400))
        assert verdict.outcome is outcome
        assert ("300 examples of every class are needed, not 299" in verdict.reason) is (size == 299)


def test_every_segment_has_its_own_failures() -> None:
    """Segments of other classes: a failure of one would bring the other classes that it does not have."""
    truth = np.append(np.arange(2000) % 2, 2 + np.arange(2000) % 2)
    names = tuple("abcd")
    spec = OutputSpec(OutputType.LABEL, Task.MULTICLASS, labels=names)
    codes = truth.astype(np.int32)
    evaluator = found(numbers(codes, codes, Targets(Task.MULTICLASS, codes, names), spec), "f1")
    table = evaluator.table(Groups((truth // 2).astype(np.int32), 2), np.array([0.02, 0.02]))
    assert table.may_pass.tolist() == [True, True]


# Clusters


@pytest.mark.parametrize(("clusters", "size"), [(1, 400), (2, 200), (5, 100), (9, 60)])
def test_below_ten_clusters_nothing_is_said(clusters: int, size: int) -> None:
    truth = [0, 1] * (clusters * size // 2)
    made = material(labels(truth), labels([0] * len(truth)), truth, clusters=np.repeat(np.arange(clusters), size).tolist())
    verdict = quality("2pp", "f1").judge(made)[0]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert f"only {clusters} cluster" in verdict.reason


def test_a_hundred_clusters_of_which_one_holds_nearly_everything_are_few() -> None:
    truth = [0, 1] * 550
    sizes = [1001] + [1] * 99
    verdict = quality("2pp", "f1").judge(material(labels(truth), labels(truth), truth, clusters=np.repeat(np.arange(100), sizes).tolist()))[
        0
    ]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "at least 10" in verdict.reason


@pytest.mark.parametrize(("clusters", "outcome"), [(50, Outcome.INCONCLUSIVE), (400, Outcome.PASS)])
def test_whole_clusters_are_what_may_fail(clusters: int, outcome: Outcome) -> None:
    """Three of 50 clusters are 6 points of every class, three of 400 are less than one. As single examples both would do."""
    truth = [0, 1] * (clusters * 5)
    codes = np.repeat(np.arange(clusters), 10).tolist()
    assert quality("2pp", "f1").judge(material(labels(truth), labels(truth), truth))[0].outcome is Outcome.PASS
    verdict = quality("2pp", "f1").judge(material(labels(truth), labels(truth), truth, clusters=codes))[0]
    assert verdict.outcome is outcome
    assert ("whole clusters" in verdict.reason) is (outcome is Outcome.INCONCLUSIVE)


def test_clusters_that_flip_as_one_widen_the_interval() -> None:
    """Balanced accuracy of one class is its share right: with all changes in whole clusters of ten, SE = √(v · 10 / n)."""
    rng = np.random.default_rng(2)
    lost, gained = rng.random((2, 300)) < 0.05
    truth = [0, 1] * 1500
    original = [1 - t if gained[i // 10] else t for i, t in enumerate(truth)]
    candidate = [1 - t if lost[i // 10] else t for i, t in enumerate(truth)]
    made = material(labels(original), labels(candidate), truth, clusters=np.repeat(np.arange(300), 10).tolist())
    table = found(made, "balanced_accuracy").table(Groups.everything(3000), np.array([0.02]))
    by_cluster = gained.astype(float) - lost.astype(float)
    half = 1.645 * by_cluster.std(ddof=1) / np.sqrt(300)
    assert (table.high[0] - table.low[0]) / 2 == pytest.approx(half, rel=0.1)


# Direction, level, relative margins


def confident(right: np.ndarray, confidence: float) -> np.ndarray:
    """(n, 2) probabilities of a model that is always as sure of its answer."""
    return np.where((np.arange(2) == right[:, np.newaxis]), confidence, 1 - confidence)


@pytest.mark.parametrize(
    ("n", "original", "candidate", "outcome"),
    [
        (2000, 0.9, 0.999, Outcome.FAIL),
        (2000, 0.999, 0.9, Outcome.PASS),
        (2000, 0.9, 0.9, Outcome.PASS),
        (60, 0.9, 0.9, Outcome.INCONCLUSIVE),
    ],
)
def test_calibration_is_better_when_it_is_lower(n: int, original: float, candidate: float, outcome: Outcome) -> None:
    """Right on 90 %: a confidence of 0.9 is off by nothing, one of 0.999 by 9.9 points."""
    truth = np.arange(n) % 2
    said = np.where(np.arange(n) % 10 == 3, 1 - truth, truth)
    spec = OutputSpec(OutputType.PROBABILITIES, Task.MULTICLASS, labels=LABELS)
    targets = Targets(Task.MULTICLASS, truth.astype(np.int32), LABELS)
    verdict = quality("2pp", "ece").judge(numbers(confident(said, original), confident(said, candidate), targets, spec))[0]
    assert verdict.outcome is outcome
    if original != candidate:
        assert verdict.comparison is not None
        assert verdict.comparison.drop.value == pytest.approx(0.099 if candidate > original else -0.099)


def flipped(n: int, rate: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, original (80 % right) and a candidate that answers anew at `rate`."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    original = np.where(rng.random(n) < 0.8, truth, 1 - truth)
    return truth, original, np.where(rng.random(n) < rate, np.where(rng.random(n) < 0.8, truth, 1 - truth), original)


def macro_f1(truth: np.ndarray, said: np.ndarray) -> float:
    scores = []
    for one in (0, 1):
        hits = float(((truth == one) & (said == one)).sum())
        scores.append(2 * hits / float((truth == one).sum() + (said == one).sum()))
    return sum(scores) / 2


def test_a_relative_margin_moves_with_the_original_in_every_resample() -> None:
    """The limits, less the margin, are those of candidate − 0.5 · original, resampled here."""
    truth, original, candidate = flipped(1500, 0.2, seed=5)
    rng = np.random.default_rng(6)
    draws = []
    for _ in range(2000):
        rows = rng.integers(0, 1500, 1500)
        draws.append(macro_f1(truth[rows], candidate[rows]) - 0.5 * macro_f1(truth[rows], original[rows]))
    low, high = np.quantile(draws, [0.05, 0.95])
    made = material(labels(original.tolist()), labels(candidate.tolist()), truth.tolist())
    table = found(made, "f1", "50%rel").table(Groups.everything(1500), np.array([0.5]))
    assert table.margin[0] == pytest.approx(0.5 * macro_f1(truth, original))
    assert table.low[0] + table.margin[0] == pytest.approx(low, abs=0.002)
    assert table.high[0] + table.margin[0] == pytest.approx(high, abs=0.002)


def test_the_interval_has_the_level_of_the_check() -> None:
    """About normal: 99 % is 2.576 / 1.645 as wide as 90 %."""
    truth, original, candidate = flipped(1000, 0.2, seed=7)
    made = material(labels(original.tolist()), labels(candidate.tolist()), truth.tolist())
    wide, narrow = (found(made, "f1", level=level).table(Groups.everything(1000), np.array([0.02])) for level in (0.99, 0.90))
    assert (wide.high[0] - wide.low[0]) / (narrow.high[0] - narrow.low[0]) == pytest.approx(2.576 / 1.645, rel=0.08)


@pytest.mark.parametrize(("level", "z"), [(0.90, 1.6449), (0.99, 2.5758)])
def test_how_many_more_examples_are_needed(level: float, z: float) -> None:
    """Half the width is z standard errors, and at N = n · ((z + 0.8416) SE / margin)² a loss of nothing passes in 80 % of runs."""
    truth, original, candidate = flipped(1000, 0.2, seed=8)
    made = material(labels(original.tolist()), labels(candidate.tolist()), truth.tolist())
    table = found(made, "f1", level=level).table(Groups.everything(1000), np.array([0.01]))
    error = (table.high[0] - table.low[0]) / 2 / z
    assert table.needs_more[0] == pytest.approx(1000 * ((z + 0.8416) * error / 0.01) ** 2 - 1000, abs=2)


# The second key


def test_the_smallest_p_suits_the_number_of_segments() -> None:
    """40 resamples per segment: 1 / 6,001 among 150 segments, 1 / 2,001 among ten."""
    truth = [0, 1] * 100
    made = material(labels(truth), labels([1 - t for t in truth]), truth)
    evaluator = found(made, "f1")
    for families, smallest in ((150, 1 / 6001), (10, 1 / 2001)):
        assert evaluator.p_worse(Groups.everything(200), 0, 0.02, families) == pytest.approx(smallest)


def test_a_segment_of_a_bootstrapped_metric_is_compared_with_what_the_whole_lost() -> None:
    truth, original, candidate = flipped(600, 0.2, seed=9)
    candidate = np.where(np.arange(600) % 10 == 0, 1 - truth, candidate)
    evaluator = found(material(labels(original.tolist()), labels(candidate.tolist()), truth.tolist()), "f1")
    drop = macro_f1(truth, original) - macro_f1(truth, candidate)
    assert evaluator.p_worse(Groups.everything(600), 0, 0.0, 1) < 0.01
    assert evaluator.p_worse(Groups.everything(600), 0, drop, 1) == pytest.approx(0.5, abs=0.05)


def test_a_segment_of_auroc_is_compared_with_what_the_whole_lost() -> None:
    """At a tolerated loss as large as the observed one p is one half."""
    rng = np.random.default_rng(10)
    truth = np.arange(400) % 2
    spec = OutputSpec(OutputType.SCORE, Task.BINARY, labels=LABELS, positive="yes")
    original, candidate = truth + rng.normal(size=400), 0.4 * truth + rng.normal(size=400)
    made = numbers(original, candidate, Targets(Task.BINARY, truth.astype(np.int32), LABELS), spec)
    evaluator = found(made, "auroc")
    assert isinstance(evaluator, AurocEvaluator)

    def area(scores: np.ndarray) -> float:
        return float(reference.mannwhitneyu(scores[truth == 1], scores[truth == 0]).statistic) / 200**2

    drop = area(original) - area(candidate)
    assert evaluator.p_worse(Groups.everything(400), 0, drop, 1) == pytest.approx(0.5)
    assert evaluator.p_worse(Groups.everything(400), 0, 0.0, 1) < 0.01


def test_the_second_key_counts_units_and_not_rows() -> None:
    """30 queries of ten rows each: p is that of 30 numbers."""
    loss = np.random.default_rng(11).normal(0.05, 0.2, 30).clip(-0.5, 0.5)
    rows = loss.repeat(10)
    units = np.arange(300) % 10 == 0
    by_row = UnitEvaluator(ScoreEvaluator(np.full(300, 0.5), 0.5 - rows, direction="higher", reach=1.0), units)
    by_query = ScoreEvaluator(np.full(30, 0.5), 0.5 - loss, direction="higher", reach=1.0)
    expected = by_query.p_worse(Groups.everything(30), 0, 0.01, 1)
    assert by_row.p_worse(Groups.everything(300), 0, 0.01, 1) == pytest.approx(expected)
    assert expected > 0.01


# Small classes


@pytest.mark.parametrize(("smallest", "said"), [(29, True), (30, False)])
def test_a_class_below_thirty_is_pointed_out(smallest: int, said: bool) -> None:
    truth = [1] * smallest + [0] * 500
    verdict = quality("2pp", "f1").judge(material(labels(truth), labels(truth), truth))[0]
    assert verdict.comparison is not None
    assert any("smallest class has only 29 examples" in note for note in verdict.comparison.notes) is said


# Caps


def test_errors_beyond_the_cap_are_no_proof() -> None:
    rng = np.random.default_rng(12)
    truth = rng.normal(size=400)
    for metric, shift in (("rmse", 12.0), ("r2", 1000.0)):
        verdict = regression(metric, truth + 10, truth + shift, truth, 0.1, cap=5)
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "100.0 % of the errors reach the cap of 5" in verdict.reason


@pytest.mark.parametrize(("at_cap", "outcome"), [(20, Outcome.PASS), (21, Outcome.INCONCLUSIVE)])
def test_five_per_cent_of_the_errors_may_reach_the_cap(at_cap: int, outcome: Outcome) -> None:
    """10 of the original and 10 or 11 others of the candidate, of 400."""
    original, candidate = np.full(400, 1.0), np.full(400, 1.0)
    original[:10] = candidate[10:at_cap] = 50.0
    verdict = regression("rmse", original, candidate, np.zeros(400), 3.0, cap=5)
    assert verdict.outcome is outcome
    assert verdict.comparison is not None
    assert f"{at_cap / 4:.1f} % of the errors reach the cap of 5; what lies beyond is not seen" in verdict.comparison.notes


def test_a_loss_that_is_seen_fails_at_the_cap_too() -> None:
    assert regression("rmse", np.ones(400), np.full(400, 50.0), np.zeros(400), 0.5, cap=5).outcome is Outcome.FAIL


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_without_a_cap_nothing_is_proven_however_many_examples_there_are(metric: str) -> None:
    truth = np.random.default_rng(13).normal(size=1000)
    verdict = regression(metric, truth + 0.1, truth + 0.1, truth, 0.5)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "declare `cap:`" in verdict.reason
    assert regression(metric, truth + 0.1, truth + 0.1, truth, 0.5, cap=3).outcome is Outcome.PASS
    assert regression(metric, truth + 0.1, truth + 9.0, truth, 0.5).outcome is Outcome.FAIL


@pytest.mark.parametrize(("metric", "max_drop"), [("perplexity", "20%rel"), ("token_log_likelihood", 0.2)])
def test_one_token_in_ten_at_the_cap_hides_what_became_of_it(metric: str, max_drop: object) -> None:
    """The mean of an example is nowhere near the cap; one token of ten went from 3 nats to 15, and both count as 2."""
    n = 5000
    original = np.tile(np.append(np.full(9, -0.5), -3.0), n)
    candidate = np.tile(np.append(np.full(9, -0.5), -15.0), n)
    offsets = np.arange(0, 10 * n + 1, 10)
    targets = Targets(Task.TOKENS, np.zeros(10 * n, dtype=np.int32), offsets=offsets)
    made = numbers(original, candidate, targets, OutputSpec(OutputType.SCORE, Task.TOKENS), offsets)
    verdict = check(metric, max_drop, cap=2).judge(made)[0]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "10.0 % of the tokens reach the cap of 2" in verdict.reason
    assert check(metric, max_drop, cap=20).judge(made)[0].outcome is Outcome.FAIL


def test_one_label_in_ten_at_the_cap_hides_what_became_of_it() -> None:
    names = tuple("abcdefghij")
    truth = np.ones((2000, 10), dtype=np.bool_)
    original, candidate = np.full((2000, 10), 0.9), np.full((2000, 10), 0.9)
    original[:, 0], candidate[:, 0] = 0.1, 1e-6
    spec = OutputSpec(OutputType.PROBABILITIES, Task.MULTILABEL, labels=names)
    made = numbers(original, candidate, Targets(Task.MULTILABEL, truth, names), spec)
    verdict = check("log_loss", 0.1, cap=2).judge(made)[0]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "10.0 % of the losses of single labels reach the cap of 2" in verdict.reason


def test_of_a_stored_original_only_whole_examples_are_known_to_be_at_the_cap() -> None:
    """Two examples of two tokens; the stored scores are −2 (both tokens at the cap of 2) and −1.5 (nobody knows)."""
    offsets = np.array([0, 2, 4])
    spec = OutputSpec(OutputType.SCORE, Task.TOKENS)
    candidate = Outputs(spec, np.array([-1.0, -1.0, -1.0, -9.0]), np.zeros(2, dtype=np.uint8), offsets=offsets)
    targets = Targets(Task.TOKENS, np.zeros(4, dtype=np.int32), offsets=offsets)
    stored = Recalled(Outcomes("scores", np.array([-2.0, -1.5])), spec)
    metric = TokenLogLikelihood(cap=2.0)
    capped = capped_scores(metric, (stored, stored.scores(metric, targets)), (candidate, metric.scores(candidate, targets)), targets)
    assert capped is not None
    assert capped.shares(Groups.everything(2)).tolist() == [pytest.approx(0.75)]
    assert capped.shares(Groups(np.array([0, 1], dtype=np.int32), 2)).tolist() == pytest.approx([1.0, 0.5])

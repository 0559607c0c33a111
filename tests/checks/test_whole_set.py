"""Metrics that are not means, scores, and metrics whose unit is the query."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.core.models import OutputSpec, OutputType, Task
from harness.core.outcome import Outcome
from tests.checks.build import LABELS, labels, material, quality


def binary(scores: np.ndarray, truth: np.ndarray):
    """A material of one binary score."""
    spec = OutputSpec(OutputType.SCORE, Task.BINARY, labels=LABELS, positive="yes")
    outputs = Outputs(spec, scores.astype(np.float32), np.zeros(len(scores), dtype=np.uint8), LABELS)
    found = material(None, outputs, truth.tolist())
    return replace(found, examples=replace(found.examples, targets=Targets(Task.BINARY, truth.astype(np.int32), LABELS)))


def pair(original: np.ndarray, candidate: np.ndarray, truth: np.ndarray):
    made = binary(candidate, truth)
    return replace(made, original=binary(original, truth).outputs)


def test_auroc_of_an_unchanged_large_model_passes_and_of_a_shuffled_one_fails() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 3000)
    scores = 1 / (1 + np.exp(-(truth * 1.5 + rng.normal(size=3000))))
    same = quality("2pp", "auroc").judge(pair(scores, scores + rng.normal(scale=1e-4, size=3000), truth))[0]
    assert same.outcome is Outcome.PASS
    assert "DeLong" in same.comparison.method
    assert quality("2pp", "auroc").judge(pair(scores, rng.random(3000), truth))[0].outcome is Outcome.FAIL


def test_auroc_needs_ten_of_each_class_and_a_proof_that_survives_one_worst_case() -> None:
    rng = np.random.default_rng(4)
    for positives, words in ((9, "10 are needed"), (60, "badly ranked")):
        truth = np.r_[np.ones(positives), np.zeros(2000)].astype(int)
        scores = 1 / (1 + np.exp(-(truth * 3.0 + rng.normal(size=len(truth)))))
        verdict = quality("2pp", "auroc").judge(pair(scores, scores, truth))[0]
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert words in verdict.reason


def test_a_segment_with_one_class_is_not_estimable_and_says_so() -> None:
    truth = [0, 1] * 300
    names = ["only-no" if t == 0 else "mixed" for t in truth]
    verdicts = quality("5pp", "f1", segments={"name": {}}, max_unproven="100%").judge(
        material(labels(truth), labels(truth), truth, {"name": names})
    )
    reasons = {v.segment.label: v.reason for v in verdicts[1:]}
    assert "only one class" in reasons["name:only-no"]


def test_macro_f1_by_bootstrap_passes_an_identical_model_and_fails_a_lost_class() -> None:
    truth = [0, 1] * 500
    same = quality("2pp", "f1").judge(material(labels(truth), labels(truth), truth))[0]
    assert same.outcome is Outcome.PASS
    lost = [1] * 1000
    broken = quality("2pp", "f1").judge(material(labels(truth), labels(lost), truth))[0]
    assert broken.outcome is Outcome.FAIL
    assert broken.comparison.drop.value == pytest.approx(1 - 1 / 3)


def test_a_query_of_ndcg_counts_once_however_many_rows_it_has() -> None:
    queries = 300
    relevance = np.tile([3.0, 2.0, 0.0, 1.0], queries)
    groups = np.repeat(np.arange(queries, dtype=np.int32), 4)
    spec = OutputSpec(OutputType.SCORE, Task.RANKING, group="query")
    outputs = Outputs(spec, relevance.astype(np.float32), np.zeros(len(relevance), dtype=np.uint8))
    made = material(outputs, outputs, [0] * len(relevance))
    targets = Targets(Task.RANKING, relevance, groups=groups)
    verdict = quality("5pp", "ndcg").judge(replace(made, examples=replace(made.examples, targets=targets)))[0]
    assert verdict.comparison.n == queries


def test_an_unbounded_score_is_judged_by_planted_t_in_its_own_unit() -> None:
    rng = np.random.default_rng(6)
    truth = rng.integers(0, 2, 4000)
    right = rng.normal(1.5, 0.5, 4000)

    def logits(shift: float) -> Outputs:
        spec = OutputSpec(OutputType.LOGITS, Task.MULTICLASS, labels=LABELS)
        values = np.zeros((4000, 2), dtype=np.float32)
        values[np.arange(4000), truth] = right - shift
        return Outputs(spec, values, np.zeros(4000, dtype=np.uint8), LABELS)

    good = quality(0.1, "log_loss").judge(material(logits(0), logits(0.01), truth.tolist()))[0]
    assert good.outcome is Outcome.PASS
    assert "planted" in good.comparison.method
    assert good.comparison.drop.value > 0
    assert quality(0.1, "log_loss").judge(material(logits(0), logits(1.0), truth.tolist()))[0].outcome is Outcome.FAIL
    relative = quality("50%rel", "log_loss").judge(material(logits(0), logits(0.01), truth.tolist()))[0]
    assert relative.outcome is Outcome.PASS
    assert relative.comparison.margin == pytest.approx(0.5 * relative.comparison.original.value)


@pytest.mark.parametrize(("metric", "n", "outcome"), [("f1", 20, "INCONCLUSIVE"), ("f1", 60, "INCONCLUSIVE"), ("f1", 400, "PASS")])
def test_unchanged_answers_prove_little_while_they_are_few(metric: str, n: int, outcome: str) -> None:
    """A bootstrap of unchanged examples has no width at all; three planted failures cost 3/n of the recall of two classes."""
    truth = [0, 1] * (n // 2)
    verdict = quality("2pp", metric).judge(material(labels(truth), labels(truth), truth))[0]
    assert verdict.outcome == outcome
    if outcome != "PASS":
        assert "would undo the proof" in verdict.reason


def test_a_small_segment_needs_its_own_proof() -> None:
    truth = [0, 1] * 1000
    names = ["small" if i < 40 else "large" for i in range(2000)]
    verdicts = quality("2pp", "f1", segments={"name": {}}, max_unproven="100%").judge(
        material(labels(truth), labels(truth), truth, {"name": names})
    )
    outcomes = {v.segment.label: v.outcome for v in verdicts[1:]}
    assert outcomes == {"name:small": Outcome.INCONCLUSIVE, "name:large": Outcome.PASS}

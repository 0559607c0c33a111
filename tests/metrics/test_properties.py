"""What must hold of every metric, whatever the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.arrays.outputs import Outputs, RowStatus
from harness.arrays.targets import Targets
from harness.metrics.metric import MeanMetric

from .build import metric, outputs, repeat, targets

LABELS = tuple("abcd")
YES = ("n", "y")

MEAN = [
    ("accuracy", {}, "multiclass label"),
    ("accuracy", {}, "binary"),
    ("accuracy", {}, "multilabel"),
    ("top_k", {"k": 2}, "multiclass"),
    ("exact_match", {"ignore_case": True}, "multiclass label"),
    ("log_loss", {}, "multiclass"),
    ("log_loss", {"cap": 1}, "binary"),
    ("log_loss", {}, "multilabel"),
    ("brier", {}, "multiclass"),
    ("brier", {}, "binary"),
    ("brier", {}, "multilabel"),
    ("mae", {"cap": 3}, "regression"),
    ("mse", {"cap": 3}, "regression"),
]
WHOLE = [
    ("balanced_accuracy", {}, "multiclass label"),
    *(
        (name, {"average": average}, kind)
        for name in ("precision", "recall", "f1")
        for average, kind in [
            ("macro", "multiclass label"),
            ("weighted", "multiclass"),
            ("micro", "multiclass"),
            ("binary", "binary"),
            ("macro", "multilabel"),
        ]
    ),
    ("auroc", {}, "binary"),
    ("auroc", {}, "multiclass"),
    ("auroc", {"average": "weighted"}, "multilabel"),
    ("average_precision", {}, "binary"),
    ("average_precision", {}, "multilabel"),
    ("ece", {"bins": 4}, "multiclass"),
    ("ece", {}, "binary"),
    ("rmse", {"cap": 3}, "regression"),
    ("r2", {"cap": 3}, "regression"),
    ("spearman", {}, "regression"),
]
EVERY = MEAN + WHOLE


def _pair(kind: str, rng: np.random.Generator, n: int) -> tuple[Outputs, Targets]:
    """Random answers, better than chance, with many ties; and the truth."""
    if kind == "regression":
        truth = rng.integers(0, 6, n).astype(float)
        return outputs("regression", "values", truth + rng.integers(-2, 3, n)), targets("regression", truth)
    if kind == "binary":
        truth = rng.integers(0, 2, n)
        return outputs("binary", "probabilities", np.clip(0.3 + 0.4 * truth + rng.integers(-3, 4, n) / 10, 0, 1), YES), targets(
            "binary", truth, YES
        )
    if kind == "multilabel":
        many = rng.random((n, 4)) < 0.4
        return outputs("multilabel", "logits", many + rng.normal(-0.5, 1, (n, 4)).round(1), LABELS), targets("multilabel", many, LABELS)
    truth = rng.integers(0, 4, n)
    logits = (1.5 * np.eye(4)[truth] + rng.normal(size=(n, 4))).round(1)
    if kind == "multiclass label":
        codes = np.where(rng.random(n) < 0.1, -1, logits.argmax(axis=1))
        return outputs("multiclass", "label", codes, LABELS), targets("multiclass", truth, LABELS)
    return outputs("multiclass", "logits", logits, LABELS), targets("multiclass", truth, LABELS)


def _perfect(kind: str, right: Targets) -> Outputs:
    truth = right.values
    if kind == "regression":
        return outputs("regression", "values", truth)
    if kind == "binary":
        return outputs("binary", "probabilities", truth.astype(float), YES)
    if kind == "multilabel":
        return outputs("multilabel", "logits", np.where(truth, 50.0, -50.0), LABELS)
    if kind == "multiclass label":
        return outputs("multiclass", "label", truth, LABELS)
    return outputs("multiclass", "logits", 50 * np.eye(4)[truth], LABELS)


def _value(chosen, model: Outputs, right: Targets, weights: np.ndarray | None = None) -> float:
    if isinstance(chosen, MeanMetric):
        scores = chosen.scores(model, right)
        return float(np.average(scores, weights=weights)) if len(scores) else float("nan")
    return chosen.prepare(model, right).value(weights)


def _fail(model: Outputs, rows: list[int] | np.ndarray) -> Outputs:
    status = model.status.copy()
    status[rows] = RowStatus.CRASHED
    values = model.values.copy()
    values[rows] = 0
    return replace(model, values=values, status=status)


def _worse_or_equal(chosen, one: float, other: float) -> bool:
    return bool(one <= other + 1e-9 if chosen.info.direction == "higher" else one >= other - 1e-9)


cases = pytest.mark.parametrize(("name", "parameters", "kind"), EVERY)
seeds = given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40))


@pytest.mark.parametrize(("name", "parameters", "kind"), WHOLE)
@seeds
@settings(max_examples=25, deadline=None)
def test_weights_are_repetitions(name, parameters, kind, seed, n):
    rng = np.random.default_rng(seed)
    model, right = _pair(kind, rng, n)
    if name != "spearman":  # its failed rows look at the median target, which repetition moves
        model = _fail(model, rng.random(n) < 0.05)
    statistic = metric(name, **parameters).prepare(model, right)
    rows = rng.permutation(n)[: rng.integers(1, n + 1)]
    weights = rng.integers(0, 4, (7, len(rows)))
    found = statistic.values(rows.astype(np.int64), weights.astype(float))
    assert found.shape == (7,)
    for one, value in zip(weights, found, strict=True):
        chosen = np.repeat(rows, one)
        times = np.bincount(chosen, minlength=n)
        assert statistic.value(times.astype(float)) == pytest.approx(value, nan_ok=True)
        again = metric(name, **parameters).prepare(repeat(model, times), repeat(right, times))
        assert again.value() == pytest.approx(value, nan_ok=True)


@cases
@seeds
@settings(max_examples=25, deadline=None)
def test_the_order_of_rows_does_not_matter(name, parameters, kind, seed, n):
    rng = np.random.default_rng(seed)
    model, right = _pair(kind, rng, n)
    model = _fail(model, rng.random(n) < 0.1)
    order = rng.permutation(n)
    shuffled = replace(model, values=model.values[order], status=model.status[order]), replace(right, values=right.values[order])
    chosen = metric(name, **parameters)
    assert _value(chosen, *shuffled) == pytest.approx(_value(chosen, model, right), nan_ok=True)


@cases
@seeds
@settings(max_examples=25, deadline=None)
def test_a_perfect_model_is_best_and_values_keep_their_bounds(name, parameters, kind, seed, n):
    rng = np.random.default_rng(seed)
    model, right = _pair(kind, rng, n)
    model = _fail(model, rng.random(n) < 0.1)
    chosen = metric(name, **parameters)
    best, value = _value(chosen, _perfect(kind, right), right), _value(chosen, model, right)
    if np.isnan(best) or np.isnan(value):
        return
    assert _worse_or_equal(chosen, value, best)
    assert best == pytest.approx(1.0 if chosen.info.direction == "higher" else 0.0, abs=1e-6)
    if chosen.info.bounds is not None:
        low, high = chosen.info.bounds
        numbers = chosen.scores(model, right) if isinstance(chosen, MeanMetric) else np.array([value])
        assert numbers.min() >= low - 1e-12
        assert numbers.max() <= high + 1e-12
        if isinstance(chosen, MeanMetric):
            worst = low if chosen.info.direction == "higher" else high
            assert (numbers[~model.ok] == worst).all()


@pytest.mark.parametrize(("name", "parameters", "kind"), [case for case in EVERY if case[0] != "spearman"])
@seeds
@settings(max_examples=40, deadline=None)
def test_failing_is_never_better_than_answering_rightly(name, parameters, kind, seed, n):
    """Take any model, let it answer some rows rightly, or fail on them instead. (Spearman: one rank moves all others.)"""
    rng = np.random.default_rng(seed)
    model, right = _pair(kind, rng, n)
    rows = rng.random(n) < 0.2
    truth = _perfect(kind, right).values
    mended = model.values.astype(truth.dtype)
    mended[rows] = truth[rows]
    chosen = metric(name, **parameters)
    failed, answered = _value(chosen, _fail(model, rows), right), _value(chosen, replace(model, values=mended), right)
    assert np.isnan(failed) == np.isnan(answered)
    assert np.isnan(failed) or _worse_or_equal(chosen, failed, answered)


@pytest.mark.parametrize(
    ("name", "parameters", "kind"),
    [case for case in EVERY if case[0] not in ("precision", "f1", "spearman") or case[2] in ("binary", "multilabel")],
)
@seeds
@settings(max_examples=40, deadline=None)
def test_failing_is_never_better_than_any_answer(name, parameters, kind, seed, n):
    """For precision and F1 of several classes a concentrated wrong answer can cost more than one of no class; not for the others."""
    rng = np.random.default_rng(seed)
    model, right = _pair(kind, rng, n)
    chosen = metric(name, **parameters)
    failed, answered = _value(chosen, _fail(model, rng.random(n) < 0.2), right), _value(chosen, model, right)
    assert np.isnan(failed) == np.isnan(answered)
    assert np.isnan(failed) or _worse_or_equal(chosen, failed, answered)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 40))
@settings(max_examples=50, deadline=None)
def test_rising_transformations_do_not_change_ranks(seed, n):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    scores = rng.normal(size=n).round(1)
    for name in ("auroc", "average_precision"):
        plain = metric(name).prepare(outputs("binary", "score", scores), targets("binary", truth, YES)).value()
        bent = metric(name).prepare(outputs("binary", "score", np.exp(3 * scores)), targets("binary", truth, YES)).value()
        assert plain == pytest.approx(bent, nan_ok=True)
    numbers = targets("regression", rng.normal(size=n))
    plain = metric("spearman").prepare(outputs("regression", "values", scores), numbers).value()
    assert metric("spearman").prepare(outputs("regression", "values", np.exp(3 * scores)), numbers).value() == pytest.approx(
        plain, nan_ok=True
    )


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 40))
@settings(max_examples=50, deadline=None)
def test_swapping_the_classes_reverses_auroc(seed, n):
    rng = np.random.default_rng(seed)
    truth, scores = rng.integers(0, 2, n), rng.normal(size=n).round(1)
    one = metric("auroc").prepare(outputs("binary", "score", scores), targets("binary", truth, YES)).value()
    other = metric("auroc").prepare(outputs("binary", "score", scores), targets("binary", 1 - truth, YES)).value()
    assert one == pytest.approx(1 - other, nan_ok=True)

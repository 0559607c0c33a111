"""A metric, a task and an output that do not go together: one sentence that says what is needed and what was declared."""

from __future__ import annotations

import numpy as np
import pytest

from harness.core.models import OutputType, Task
from harness.errors import MeasurementError
from harness.metrics.builtin import METRICS
from harness.metrics.metric import MeanMetric

from .build import metric, outputs, targets

PARAMETERS = {"top_k": {"k": 1}, "mae": {"cap": 1}, "mse": {"cap": 1}}
NAMES = [kind.name for kind in METRICS if kind.name != "python"]

CLASSES = {"label", "probabilities", "logits"}
MATRIX = {"probabilities", "logits"}
DECIDED = {"binary": CLASSES | {"score"}, "multiclass": CLASSES, "multilabel": CLASSES}
PROBABLE = {"binary": MATRIX | {"score"}, "multiclass": MATRIX, "multilabel": MATRIX}
NUMBERS = {"regression": {"values", "score"}}
FITTING: dict[str, dict[str, set[str]]] = {
    "accuracy": DECIDED,
    "precision": DECIDED,
    "recall": DECIDED,
    "f1": DECIDED,
    "balanced_accuracy": {"binary": CLASSES | {"score"}, "multiclass": CLASSES},
    "exact_match": {**DECIDED, "tokens": CLASSES},
    "token_accuracy": {"tokens": CLASSES},
    "top_k": {"multiclass": MATRIX},
    "auroc": PROBABLE,
    "log_loss": PROBABLE,
    "brier": PROBABLE,
    "average_precision": {"binary": MATRIX | {"score"}, "multilabel": MATRIX},
    "ece": {"binary": MATRIX | {"score"}, "multiclass": MATRIX},
    "mae": NUMBERS,
    "mse": NUMBERS,
    "rmse": NUMBERS,
    "r2": NUMBERS,
    "spearman": NUMBERS,
    "ndcg": {"ranking": MATRIX | {"score", "values"}},
    "token_log_likelihood": {"tokens": set(OutputType)},
    "perplexity": {"tokens": set(OutputType)},
}

OFFSETS = np.array([0, 2, 3])


def _targets(task: str):
    if task == "tokens":
        return targets(task, [0, 1, 1], ("a", "b"), offsets=OFFSETS)
    if task == "ranking":
        return targets(task, [1, 0], groups=np.zeros(2, dtype=np.int32))
    if task == "multilabel":
        return targets(task, [[1, 0], [0, 1]], ("a", "b"))
    return targets(task, [0, 1], ("a", "b") if task != "regression" else ())


def _outputs(task: str, type_: str):
    labels = ("a", "b")
    if task == "tokens":
        logs = np.log(np.full(3, 0.5, dtype=np.float32))
        values = np.array([0, 1, 1]) if type_ == "label" else np.full((3, 2), 0.5)
        return outputs(task, type_, values, labels, offsets=OFFSETS, token_log_probs=logs)
    if task in ("regression", "ranking") or type_ in ("score", "values"):
        return outputs(task, type_, np.array([0.25, 0.75]))
    if type_ == "label":
        return outputs(task, type_, np.eye(2, dtype=bool) if task == "multilabel" else np.array([0, 1]), labels)
    return outputs(task, type_, np.full((2, 2), 0.5), labels)


def _measure(name: str, model, right):
    chosen = metric(name, **PARAMETERS.get(name, {}))
    return chosen.scores(model, right) if isinstance(chosen, MeanMetric) else chosen.prepare(model, right).value()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("type_", list(OutputType))
def test_every_combination(name, task, type_):
    model, right = _outputs(task, type_), _targets(task)
    if type_ in FITTING[name].get(task, ()):
        assert np.isfinite(_measure(name, model, right)).all()
        return
    with pytest.raises(MeasurementError) as caught:
        _measure(name, model, right)
    message = str(caught.value)
    assert message.startswith(name)
    assert "\n" not in message
    declared = task if task not in FITTING[name] else type_
    assert declared in message
    assert "choose" in message


def test_the_sentences():
    with pytest.raises(MeasurementError) as caught:
        _measure("log_loss", _outputs("multiclass", "label"), _targets("multiclass"))
    assert str(caught.value) == (
        "log_loss needs outputs of type probabilities or logits for a multiclass task, but the suite declares type label; "
        "give the model's probabilities, or choose a metric for label outputs"
    )
    with pytest.raises(MeasurementError) as caught:
        _measure("f1", _outputs("regression", "values"), _targets("regression"))
    assert str(caught.value) == (
        "f1 is for binary, multiclass and multilabel tasks, but the suite declares the task regression; "
        "choose a metric for regression tasks"
    )
    with pytest.raises(MeasurementError, match=r"choose token_accuracy .* or exact_match"):
        _measure("accuracy", _outputs("tokens", "label"), _targets("tokens"))


@pytest.mark.parametrize(
    ("name", "model", "right", "message"),
    [
        (
            "accuracy",
            ("multiclass", "logits", np.zeros((2, 4)), ("a", "b", "c")),
            ("multiclass", [0, 1], ("a", "b", "c")),
            r"shape \(n, 3\).*\(n, 4\)",
        ),
        ("accuracy", ("multiclass", "logits", np.zeros(2), ("a", "b")), ("multiclass", [0, 1], ("a", "b")), r"shape \(n, 2\).*\(n,\)"),
        ("accuracy", ("binary", "logits", np.zeros((2, 3)), ()), ("binary", [0, 1], ("n", "y")), r"\(n,\), \(n, 1\) or \(n, 2\).*\(n, 3\)"),
        ("auroc", ("binary", "score", np.zeros((2, 2)), ()), ("binary", [0, 1], ("n", "y")), r"score of shape"),
        (
            "auroc",
            ("binary", "logits", np.zeros((2, 2)), ("no", "maybe")),
            ("binary", [0, 1], ("no", "yes")),
            "positive class 'yes' is not one of",
        ),
        ("rmse", ("regression", "values", np.zeros((2, 3)), ()), ("regression", [0, 1], ()), r"one number per example.*\(n, 3\)"),
        ("accuracy", ("multiclass", "label", [0], ("a",)), ("multiclass", [0, 0], ("a",)), "there are 1 for 2 examples"),
        (
            "accuracy",
            ("multiclass", "label", [0], ("a",)),
            ("binary", [0], ("a", "b")),
            "declared for the task multiclass, but .* for binary",
        ),
        ("top_k", ("multiclass", "logits", np.zeros((1, 1)), ("a",)), ("multiclass", [0], ("a",)), "always right with 1 classes"),
    ],
)
def test_shapes_that_do_not_fit(name, model, right, message):
    with pytest.raises(MeasurementError, match=message):
        _measure(name, outputs(*model), targets(*right))


def test_average_binary_needs_a_binary_task():
    with pytest.raises(MeasurementError, match="average: binary needs a binary task, but the suite declares the task multiclass"):
        metric("f1", average="binary").prepare(_outputs("multiclass", "label"), _targets("multiclass"))

"""The user's own metric."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from harness.errors import MeasurementError, UsageError
from harness.metrics.custom import PythonParameters
from harness.metrics.metric import MeanMetric, WholeMetric

from .build import metric, outputs, targets

NUMBERS = itertools.count()
"""Modules stay imported: every test file gets a name of its own."""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write a module with a function `f` and make a metric of it."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(body: str, **parameters):
        name = f"own_metric_{next(NUMBERS)}"
        lines = "\n    ".join(body.strip().splitlines())
        (tmp_path / f"{name}.py").write_text(f"import numpy as np\ndef f(predictions, targets):\n    {lines}\n", encoding="utf-8")
        return metric("python", tmp_path, function=f"{name}:f", **{"direction": "higher", **parameters})

    return make


LABELS = ("cat", "dog", "tiger")


def test_labels_come_as_names(own):
    near = own("return (np.char.str_len(predictions) == np.char.str_len(targets)).astype(float)", kind="mean", bounds=[0, 1])
    model = outputs("multiclass", "label", [1, 0, -1, 3], (*LABELS, "ant"))
    assert near.scores(model, targets("multiclass", [0, 2, 0, 0], LABELS)).tolist() == [1, 0, 0, 1]
    assert isinstance(near, MeanMetric)
    assert near.info.share


def test_probabilities_come_in_the_order_of_the_data(own):
    chance = own("return predictions[np.arange(len(targets)), targets]", kind="mean", bounds=[0, 1])
    model = outputs("multiclass", "probabilities", [[0.7, 0.2, 0.1], [0.5, 0.5, 0.0]], ("dog", "cat", "martian"))
    assert chance.scores(model, targets("multiclass", [1, 2], LABELS)).tolist() == [0.7, 0]


@pytest.mark.parametrize(
    ("model", "right", "says", "truth"),
    [
        (("binary", "score", [0.2, 0.8]), ("binary", [0, 1], ("n", "y")), [0.2, 0.8], [0, 1]),
        (("binary", "logits", [[1.0, 3.0], [0.0, 0.5]], ("y", "n")), ("binary", [0, 1], ("n", "y")), [-2, -0.5], [0, 1]),
        (("multilabel", "probabilities", [[0.9, 0.1]], ("a", "b")), ("multilabel", [[1, 1]], ("a", "b")), [[1, 0]], [[1, 1]]),
        (("regression", "values", [[1.5], [2.5]]), ("regression", [1, 2]), [1.5, 2.5], [1, 2]),
        (("multiclass", "logits", [[1.0, 2.0]], ("a", "b")), ("multiclass", [1], ("a", "b", "c")), [[1, 2, -np.inf]], [1]),
    ],
)
def test_what_a_function_sees(own, model, right, says, truth):
    from harness.metrics.friendly import friendly_predictions, friendly_targets

    pair = outputs(*model), targets(*right)
    assert np.asarray(friendly_predictions(*pair), dtype=float).tolist() == says
    assert np.asarray(friendly_targets(*pair), dtype=float).tolist() == truth


def test_tokens_come_as_lists_of_arrays(own):
    lengths = own("return [float(len(p) == len(t)) for p, t in zip(predictions, targets)]", kind="mean", binary=True)
    model = outputs("tokens", "label", [1, 2, 3, 4], offsets=np.array([0, 3, 4]))
    assert lengths.scores(model, targets("tokens", [1, 2, 4], offsets=np.array([0, 2, 3]))).tolist() == [0, 1]


@pytest.mark.parametrize(("direction", "worst"), [("higher", 0), ("lower", 4)])
def test_failed_rows_are_not_shown_and_score_worst(own, direction, worst):
    error = own("assert len(predictions) == 2\nreturn np.abs(predictions - targets)", kind="mean", bounds=[0, 4], direction=direction)
    model = outputs("regression", "values", [1.0, 5.0, 2.0], failed=[1])
    assert error.scores(model, targets("regression", [1, 5, 4])).tolist() == [0, worst, 2]


@pytest.mark.parametrize(("direction", "worst"), [("higher", -3), ("lower", 3)])
def test_cap_clips(own, direction, worst):
    unbounded = own("return predictions - targets", kind="mean", cap=3, direction=direction)
    model = outputs("regression", "values", [1.0, 50.0, -50.0, 2.0], failed=[3])
    assert unbounded.scores(model, targets("regression", [0, 0, 0, 0])).tolist() == [1, 3, -3, worst]


def test_the_example_in_the_documentation(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    page = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    code = page.split("```python\n# costs.py\n")[1].split("```")[0]
    (tmp_path / "costs.py").write_text(code, encoding="utf-8")
    reference = page.split("{python: {function: ")[1].split(",")[0]
    cost = metric("python", tmp_path, function=reference, direction="lower", kind="mean", bounds=[0, 10])
    labels = ("fine", "fraud")
    right = targets("multiclass", [0, 1, 0, 1, 1], labels)
    assert cost.scores(outputs("multiclass", "label", [0, 1, 1, 0, 0], labels, failed=[4]), right).tolist() == [0, 0, 1, 10, 10]


def test_a_whole_metric_sees_repeated_rows(own):
    from sklearn.metrics import matthews_corrcoef

    mcc = own("from sklearn.metrics import matthews_corrcoef\nreturn matthews_corrcoef(targets, predictions)", kind="whole", bounds=[-1, 1])
    truth, said = np.array([0, 1, 2, 0, 1, 2]), np.array([0, 1, 1, 0, 2, 2])
    statistic = mcc.prepare(outputs("multiclass", "label", said, LABELS), targets("multiclass", truth, LABELS))
    assert isinstance(mcc, WholeMetric)
    assert statistic.value() == pytest.approx(matthews_corrcoef(truth, said))
    times = np.array([1, 2, 0, 3, 1, 1])
    rows = np.repeat(np.arange(6), times)
    assert statistic.value(times.astype(float)) == pytest.approx(matthews_corrcoef(truth[rows], said[rows]))
    assert statistic.values(np.array([0, 1]), np.array([[2.0, 3.0]])) == pytest.approx([1.0])
    assert statistic.cells() is None
    assert statistic.class_counts() is None
    assert np.isnan(statistic.value(np.zeros(6)))
    with pytest.raises(MeasurementError, match="whole number of times"):
        statistic.value(np.full(6, 0.5))


def test_failed_rows_pull_a_whole_metric_to_the_worst_bound(own):
    model, right = outputs("regression", "values", [1.0, 1.0, 0.0, 0.0], failed=[2]), targets("regression", [1, 1, 1, 0])
    mean = own("return predictions.mean()", kind="whole", bounds=[0, 10], direction="lower")
    assert mean.prepare(model, right).value() == pytest.approx(0.75 * (2 / 3) + 0.25 * 10)
    assert mean.prepare(model, right).value(np.array([0, 0, 1.0, 0])) == 10
    with pytest.raises(MeasurementError, match="declare its `bounds:`"):
        own("return 1.0", kind="whole").prepare(model, right)


@pytest.mark.parametrize(
    ("body", "parameters", "message"),
    [
        (
            "return 1.0",
            {"kind": "mean", "bounds": [0, 1]},
            r"must return one score per example, 2 numbers, but returned float; declare `kind: whole`",
        ),
        ("return [1.0]", {"kind": "mean", "bounds": [0, 1]}, r"2 numbers, but returned \(1,\)"),
        ("return ['a', 'b']", {"kind": "mean", "bounds": [0, 1]}, "one score per example"),
        ("return [0.5, 1.5]", {"kind": "mean", "bounds": [0, 1]}, "between 0 and 1, but row 1 has 1.5"),
        ("return [0.5, np.nan]", {"kind": "mean", "cap": 1}, "between -1 and 1, but row 1 has nan"),
        ("return [0.5, 1.0]", {"kind": "mean", "binary": True}, "0 or 1, but row 0 has 0.5"),
        ("return 1 / 0", {"kind": "mean", "bounds": [0, 1]}, "raised ZeroDivisionError: division by zero"),
    ],
)
def test_what_a_mean_function_must_not_do(own, body, parameters, message):
    with pytest.raises(MeasurementError, match=message):
        own(body, **parameters).scores(outputs("regression", "values", [1.0, 2.0]), targets("regression", [1, 2]))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return predictions", "must return one number for the set, but returned ndarray; declare `kind: mean`"),
        ("raise KeyError('x')", "KeyError"),
    ],
)
def test_what_a_whole_function_must_not_do(own, body, message):
    statistic = own(body, kind="whole").prepare(outputs("regression", "values", [1.0, 2.0]), targets("regression", [1, 2]))
    with pytest.raises(MeasurementError, match=message):
        statistic.value()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kind": "mean"}, "needs bounds: .* or cap:"),
        ({"kind": "mean", "bounds": [1, 0]}, "the smaller first"),
        ({"kind": "mean", "bounds": [0, float("inf")]}, "two finite numbers"),
        ({"kind": "mean", "bounds": [0, 1], "cap": 1}, "exclude each other"),
        ({"kind": "whole", "cap": 1}, "takes bounds alone"),
        ({"kind": "whole", "binary": True}, "takes bounds alone"),
        ({"kind": "sum"}, "'mean' or 'whole'"),
        ({"kind": "mean", "cap": 1, "direction": "up"}, "'higher' or 'lower'"),
    ],
)
def test_parameters_that_make_no_sense(parameters, message):
    with pytest.raises(ValidationError, match=message):
        PythonParameters.model_validate({"function": "a:b", "direction": "higher", **parameters})


def test_a_function_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_constant.py").write_text("f = 3\n")
    with pytest.raises(UsageError, match="no module 'nowhere_to_be_found'"):
        metric("python", tmp_path, function="nowhere_to_be_found:f", direction="higher", kind="whole")
    with pytest.raises(UsageError, match="has no 'g'"):
        metric("python", tmp_path, function="own_constant:g", direction="higher", kind="whole")
    with pytest.raises(UsageError, match="is not a function but int"):
        metric("python", tmp_path, function="own_constant:f", direction="higher", kind="whole")


def test_share_follows_the_bounds():
    def info(**parameters):
        return PythonParameters.model_validate({"function": "a:b", "direction": "higher", "kind": "mean", **parameters}).info()

    assert info(bounds=[0, 1]).share
    assert not info(bounds=[0, 2]).share
    assert info(bounds=[0, 100], share=True).share
    assert info(binary=True).binary
    assert info(binary=True).bounds == (0, 1)
    assert info(cap=4).bounds == (-4, 4)

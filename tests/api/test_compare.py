"""`compare`: everything it takes, and everything it refuses."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest

from harness.api import compare
from harness.core.outcome import Outcome
from harness.errors import DataError, HarnessError, UsageError
from harness.stats import tango_interval
from tests.cli.material import NEARLY_RIGHT, RIGHT, WRONG, linear, write_people

TRUTH = ["a", "b"] * 300

PEOPLE: dict[str, Any] = {
    "target": "income",
    "id": "person_id",
    "input": {"features": {"columns": ["age", "hours"], "dtype": "float32"}},
    "output": {"type": "logits", "task": "binary", "labels": ["0", "1"], "positive": "1"},
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def wrong_first(count: int) -> list[str]:
    return ["?"] * count + TRUTH[count:]


def test_counts_and_interval_are_those_of_the_predictions() -> None:
    # 12 only the original got right, 5 only the candidate, by construction.
    original = TRUTH[:-5] + ["?"] * 5
    result = compare(original, wrong_first(12), {"y": TRUTH}, target="y", max_drop="5pp")
    found = result.whole.comparison
    assert found is not None
    assert (found.n, found.lost, found.gained) == (600, 12, 5)
    interval = tango_interval(600 - 17, 5, 12, 0)
    assert found.drop.value == pytest.approx(7 / 600)
    assert (found.drop.low, found.drop.high) == (pytest.approx(-interval.high), pytest.approx(-interval.low))


@pytest.mark.parametrize(
    "kind",
    [list, tuple, np.array, pa.array, lambda v: np.array(v, dtype=object), lambda v: np.array(v)[:, None][:, 0]],
    ids=["list", "tuple", "numpy", "arrow", "objects", "view"],
)
def test_predictions_of_every_kind(kind: Any) -> None:
    result = compare(kind(TRUTH), kind(wrong_first(3)), {"y": kind(TRUTH)}, target="y")
    assert result.passed
    assert result.whole.comparison is not None
    assert result.whole.comparison.lost == 3


def test_integers_are_labels() -> None:
    truth = np.arange(400) % 3
    result = compare(truth, np.where(np.arange(400) < 100, 0, truth), {"y": truth}, target="y")
    assert result.whole.outcome is Outcome.FAIL


def test_torch_tensors_are_taken() -> None:
    torch = pytest.importorskip("torch")
    truth = torch.arange(400) % 3
    assert compare(truth, truth.clone(), {"y": truth.numpy()}, target="y").passed


def test_scores_per_class() -> None:
    random = np.random.default_rng(1)
    truth = np.array(["no", "yes"])[random.integers(2, size=500)]
    scores = np.stack([truth == "no", truth == "yes"], axis=1) * 0.8 + 0.1
    flipped = scores.copy()
    flipped[:200] = flipped[:200, ::-1]
    output = {"type": "probabilities", "task": "multiclass", "labels": ["no", "yes"]}
    assert compare(scores, scores, {"y": truth}, target="y", output=output).passed
    result = compare(scores, flipped, {"y": truth}, target="y", output=output)
    assert result.whole.comparison is not None
    assert result.whole.comparison.lost == 200


def test_scores_of_the_positive_class() -> None:
    truth = np.arange(600) % 2
    score = truth * 0.6 + np.linspace(0, 0.1, 600)
    output = {"type": "score", "task": "binary", "positive": "1", "labels": ["0", "1"]}
    result = compare(score, score / 2, {"y": truth}, target="y", output=output, metric="auroc")
    assert result.whole.comparison is not None
    # Halving every score changes no order, and the order is all that AUROC sees.
    assert result.whole.comparison.original.value == result.whole.comparison.candidate.value == 1.0


def test_segments_by_name_and_in_full() -> None:
    columns = {"y": TRUTH, "kind": ["x"] * 300 + ["z"] * 300, "size": [str(n) for n in range(600)]}
    segments: Any = {"kind": "kind", "size": {"column": "size", "edges": [300]}}
    for asked in ("kind", ["kind"], {"kind": "kind"}):
        result = compare(TRUTH, wrong_first(100), columns, target="y", segments=asked)
        assert not result
        assert result.segment(kind="x").outcome is Outcome.FAIL
        assert result.segment(kind="z").outcome is Outcome.PASS or result.segment(kind="z").outcome is Outcome.INCONCLUSIVE
    with pytest.raises(KeyError, match="kind:y"):
        result.segment(kind="y")
    assert {v.segment.segmentation for v in compare(TRUTH, TRUTH, columns, target="y", segments=segments) if v.segment} == {"kind", "size"}


def test_it_prints_what_blocks_and_is_true_only_when_it_passed() -> None:
    good, bad = (compare(TRUTH, predictions, {"y": TRUTH}, target="y") for predictions in (TRUTH, wrong_first(200)))
    assert bool(good) is True
    assert str(good).startswith("PASS candidate::accuracy")
    assert bool(bad) is False
    assert str(bad).startswith("FAIL candidate::accuracy")
    assert "200 lost" in str(bad)
    assert len(bad) == len(list(bad)) == 1


def test_a_warning_is_not_a_pass() -> None:
    result = compare(TRUTH[:20], TRUTH[:20], {"y": TRUTH[:20]}, target="y", check={"on_inconclusive": "warn"})
    assert result.whole.outcome is Outcome.INCONCLUSIVE
    assert not result.whole.blocks
    assert not result.passed


def test_onnx_files_and_a_csv(tmp_path: Path) -> None:
    write_people(tmp_path / "people.csv")
    for name, weights in (("a", RIGHT), ("b", NEARLY_RIGHT), ("c", WRONG)):
        linear(tmp_path / f"{name}.onnx", weights)
    (tmp_path / "labels.txt").write_text("0\n1\n")
    arguments: Any = {
        "target": "income",
        "id": "person_id",
        "input": {"features": {"columns": ["age", "hours"], "dtype": "float32"}},
        "output": {"type": "logits", "task": "binary", "labels": "labels.txt", "positive": "1"},
    }
    assert compare("a.onnx", tmp_path / "b.onnx", "people.csv", **arguments).passed
    assert compare("a.onnx", {"onnx": {"path": "c.onnx", "threads": 1}}, "people.csv", **arguments).whole.outcome is Outcome.FAIL
    # Evidence of models is kept in the project, here the working folder.
    assert len(list((tmp_path / ".harness" / "evidence").glob("*/complete.json"))) == 3


def test_predictions_in_memory_leave_nothing_behind(tmp_path: Path) -> None:
    compare(TRUTH, TRUTH, {"y": TRUTH}, target="y")
    assert list(tmp_path.iterdir()) == []


def test_recorded_outputs_and_a_mapping_of_data(tmp_path: Path) -> None:
    with (tmp_path / "runs.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "y", "fp32", "int8"], *([n, label, label, label] for n, label in enumerate(TRUTH))])
    recorded = [{"outputs": "runs.csv", "prediction": name} for name in ("fp32", "int8")]
    assert compare(*recorded, {"source": "runs.csv", "id": "id", "target": "y"}).passed
    # A model in memory against one in a file: in the order of the data.
    assert compare(recorded[0], TRUTH, "runs.csv", id="id", target="y").passed


def test_a_model_that_cannot_run_is_a_verdict(tmp_path: Path) -> None:
    for name in ("a", "b"):
        linear(tmp_path / f"{name}.onnx", RIGHT)
    model = onnx.load(str(tmp_path / "b.onnx"))
    model.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(model, str(tmp_path / "b.onnx"))
    write_people(tmp_path / "people.csv")
    result = compare("a.onnx", "b.onnx", "people.csv", **PEOPLE)
    assert result.whole.outcome is Outcome.ERROR
    assert "NoSuchOperator" in result.whole.reason


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"target": "incme"}, "'income'"),
        ({"segments": "sexx"}, "'sex'"),
        ({"id": "persn_id"}, "'person_id'"),
        ({"target": None}, "say with target= which column holds them: person_id, age, hours, sex, income"),
        ({"candidate": "none.onnx"}, "none.onnx"),
        ({"candidate": "broken.onnx"}, "broken.onnx is not an ONNX model"),
        ({"candidate": {"outputs": "none.csv", "prediction": "y"}}, "none.csv"),
        ({"data": "none.csv"}, "none.csv"),
    ],
)
def test_a_wrong_call_over_model_files_is_an_error(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    linear(tmp_path / "a.onnx", RIGHT)
    linear(tmp_path / "b.onnx", NEARLY_RIGHT)
    (tmp_path / "broken.onnx").write_bytes((tmp_path / "a.onnx").read_bytes()[:40])
    write_people(tmp_path / "people.csv")
    arguments: dict[str, Any] = {"original": "a.onnx", "candidate": "b.onnx", "data": "people.csv"} | PEOPLE | change
    with pytest.raises(HarnessError) as caught:
        compare(arguments.pop("original"), arguments.pop("candidate"), arguments.pop("data"), **arguments)
    assert sentence in str(caught.value)
    assert not (tmp_path / ".harness" / "evidence").exists()


def test_a_failing_test_shows_the_call_and_no_internals(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "from harness.api import compare\n"
        "T = ['a', 'b'] * 300\n"
        "def test_wrong_call():\n    compare(T, T, {'y': T}, target='z')\n"
        "def test_worse():\n    assert compare(T, ['?'] * 200 + T[200:], {'y': T}, target='y').passed\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:harness", "-p", "no:cacheprovider", "test_it.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert "2 failed" in said
    assert "'z'" in said
    assert "<Comparisons: FAIL candidate::accuracy; 1 of 1 verdicts block>" in said
    for noise in ("WorstExample", "harness/api", "_compared"):
        assert noise not in said


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"candidate": TRUTH[:-1]}, UsageError, "599 predictions for 600 examples"),
        ({"candidate": "model.pt"}, UsageError, "'model.pt' is not an .onnx file"),
        ({"candidate": np.zeros((2, 2, 2))}, UsageError, "not an array of shape (2, 2, 2)"),
        ({"candidate": None}, UsageError, "not NoneType"),
        ({"candidate": {"onxn": "a.onnx"}}, UsageError, "did you mean 'onnx'?"),
        ({"candidate": {"compress": [{"cast": {"to": "fp16"}}]}}, UsageError, "compress"),
        ({"original": np.zeros((600, 2)), "candidate": np.zeros((600, 2))}, UsageError, "without their labels"),
        ({"data": {"y": TRUTH, "x": [1, 2]}}, DataError, "do not make a table"),
        ({"data": 7}, UsageError, "not int"),
        ({"data": "none.csv"}, HarnessError, "none.csv"),
        ({"target": "z"}, HarnessError, "'z'"),
        ({"metric": "acuracy"}, UsageError, "did you mean 'accuracy'?"),
        ({"max_drop": 2}, UsageError, "2pp"),
        ({"segments": "region"}, HarnessError, "region"),
    ],
)
def test_what_makes_no_sense(change: dict[str, Any], error: type[HarnessError], sentence: str) -> None:
    arguments: dict[str, Any] = {"original": TRUTH, "candidate": TRUTH, "data": {"y": TRUTH}, "target": "y"} | change
    with pytest.raises(error) as caught:
        compare(arguments.pop("original"), arguments.pop("candidate"), arguments.pop("data"), **arguments)
    assert sentence in str(caught.value)


def test_a_dollar_is_a_dollar() -> None:
    truth = ["${HOME}", "b"] * 100
    result = compare(truth, truth, {"${PRICE}": truth}, target="${PRICE}")
    assert result.whole.comparison is not None
    assert result.whole.comparison.original.value == 1.0

"""What making a candidate reads of data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from harness import wiring
from harness.core.models import ModelSpec
from harness.core.suite import Suite
from harness.data.opener import DataOpener
from harness.ports.data import Dataset
from harness.wiring.lessons import lessons, overlap, score

SUITE = """schema: 1
suite: s
original:
  onnx: m.onnx
  input: {x: {columns: [a, b], dtype: float32}}
  output: {type: logits, task: binary, labels: [yes, no], positive: yes}
data:
  test: {source: test.csv, id: id, target: t}
  train: {source: train.csv, id: id, target: t, role: train}
candidates:
  c: {onnx: m.onnx}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp}
"""


def rows(seed: int, count: int) -> list[tuple[str, float, float, str]]:
    random = np.random.default_rng(seed)
    values = random.normal(size=(count, 2)).round(3)
    return [(f"{seed}-{number}", a, b, "yes" if a + b + random.normal() > 0 else "no") for number, (a, b) in enumerate(values)]


def write(path: Path, given: list[tuple[str, float, float, str]]) -> None:
    path.write_text("id,a,b,t\n" + "".join(",".join(map(str, row)) + "\n" for row in given))


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    write(tmp_path / "test.csv", rows(1, 300))
    write(tmp_path / "train.csv", rows(2, 200))
    (tmp_path / "s.yaml").write_text(SUITE)
    return wiring.load(tmp_path / "s.yaml")


def opened(suite: Suite, name: str) -> Dataset:
    return DataOpener(wiring.registers().sources, suite.root / ".harness").open(suite.data[name], suite.root)


def model(suite: Suite) -> ModelSpec:
    """One whose file is not looked at."""
    from dataclasses import replace

    return replace(suite.original, kind="torch", parameters=None)


@pytest.mark.parametrize("count", [None, 50, 7])
def test_lessons_pair_inputs_with_their_answers(suite: Suite, count: int | None) -> None:
    found = list(lessons(model(suite), suite.root, opened(suite, "train"), count))
    inputs = np.concatenate([batch["x"] for batch, _ in found])
    targets = np.concatenate([answers for _, answers in found])
    by_values = {(np.float32(a), np.float32(b)): answer for _, a, b, answer in rows(2, 200)}
    assert len(targets) == (count or 200)
    assert [by_values[a, b] == "yes" for a, b in inputs] == targets.astype(bool).tolist()


def metric(name: str, **given: Any) -> Any:
    kind = wiring.registers().metrics.get(name)
    return kind.implementation(kind.parameters(**given), Path("."))


def test_a_score_is_scikit_learns_turned_so_that_more_is_better(suite: Suite) -> None:
    """The model's columns are (yes, no)."""

    def answer(batch: Any) -> Any:
        margin = batch["x"].sum(axis=1)
        return {"logits": np.stack([margin, -margin], axis=1).astype(np.float32)}

    truth = np.array([answer_ == "yes" for *_, answer_ in rows(1, 300)])
    values = np.array([[a, b] for _, a, b, _ in rows(1, 300)], np.float32).sum(axis=1).astype(np.float64)
    probability = 1 / (1 + np.exp(-2 * values))
    data = opened(suite, "test")
    assert score(model(suite), suite.root, data, metric("accuracy"), answer) == pytest.approx(accuracy_score(truth, values > 0))
    assert score(model(suite), suite.root, data, metric("auroc"), answer) == pytest.approx(roc_auc_score(truth, values), abs=1e-6)
    assert score(model(suite), suite.root, data, metric("log_loss"), answer) == pytest.approx(-log_loss(truth, probability), abs=1e-5)


def test_an_answer_that_is_not_finite_is_a_wrong_one(suite: Suite) -> None:
    def answer(batch: Any) -> Any:
        right = np.tile([[5.0, -5.0]], (len(batch["x"]), 1)).astype(np.float32)
        right[::2] = np.nan
        return {"logits": right}

    found = score(model(suite), suite.root, opened(suite, "test"), metric("accuracy"), answer)
    truth = np.array([answer_ == "yes" for *_, answer_ in rows(1, 300)])
    kept = np.zeros(300, bool)
    for start in range(0, 300, suite.original.batch_size):
        kept[start : start + suite.original.batch_size][1::2] = True
    assert found == pytest.approx(float(np.mean(truth & kept)))


def test_a_model_without_one_finite_answer_is_always_wrong(suite: Suite) -> None:
    def nothing(batch: Any) -> Any:
        return {"logits": np.full((len(batch["x"]), 2), np.nan, np.float32)}

    assert score(model(suite), suite.root, opened(suite, "test"), metric("accuracy"), nothing) == 0


def test_rows_in_common_are_counted_by_what_the_model_reads(suite: Suite, tmp_path: Path) -> None:
    assert overlap(model(suite), opened(suite, "train"), None, [opened(suite, "test")]) == 0
    leaked = [(f"other-{number}", a, b, "no") for number, (_, a, b, _) in enumerate(rows(1, 300)[10:27])]
    write(tmp_path / "train.csv", rows(2, 200) + leaked)
    assert overlap(model(suite), opened(suite, "train"), None, [opened(suite, "test")]) == 17


def test_only_the_rows_that_are_learnt_from_are_counted(suite: Suite, tmp_path: Path) -> None:
    """Of 4 rows spread over 8, the first and every other one is taken."""
    known = [(f"other-{number}", a, b, "no") for number, (_, a, b, _) in enumerate(rows(1, 300)[:2])]
    own = rows(2, 6)
    write(tmp_path / "train.csv", [known[0], own[0], own[1], known[1], *own[2:]])
    assert overlap(model(suite), opened(suite, "train"), None, [opened(suite, "test")]) == 2
    assert overlap(model(suite), opened(suite, "train"), 4, [opened(suite, "test")]) == 1


def test_seven_is_seven_whether_the_column_holds_whole_numbers_or_not(suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("id,a,b,t\nx,7,1,yes\ny,8,1,no\n")
    (tmp_path / "test.csv").write_text("id,a,b,t\np,7.0,1,yes\nq,8.5,1,no\n")
    assert overlap(model(suite), opened(suite, "train"), None, [opened(suite, "test")]) == 1

"""When a candidate that was made is used again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness import wiring
from harness.core.suite import Suite
from harness.wiring.making import file_maker
from harness.wiring.project import Project
from tests.models.fakes import linear_onnx

METRIC = "def right(predictions, targets): return [1.0] * len(targets)\n"
SUITE = """schema: 1
suite: s
original:
  onnx: m.onnx
  input: {x: {columns: [a, b], dtype: float32}}
  output: {type: logits, task: multiclass, labels: ["0", "1", "2"]}
data:
  test: {source: test.csv, id: id, target: t}
  held_out: {source: held_out.csv, id: id, target: t, role: validation}
candidates:
  gradual: {compress: [{prune: {sparsity: 70%, validate: held_out, max_total_drop: 0.9}}]}
  at-once: {compress: [{prune: {sparsity: 70%}}]}
checks:
  mine: {metric: {python: {function: metrics:right, direction: higher, kind: mean, binary: true}}, max_drop: 5pp}
"""


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    random = np.random.default_rng(0)
    for name, count in (("test", 60), ("held_out", 40)):
        lines = [f"{name}-{row},{a:.3f},{b:.3f},{row % 3}" for row, (a, b) in enumerate(random.normal(size=(count, 2)))]
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,a,b,t", *lines]) + "\n")
    linear_onnx(tmp_path / "m.onnx")
    (tmp_path / "metrics.py").write_text(METRIC)
    (tmp_path / "s.yaml").write_text(SUITE)
    return wiring.load(tmp_path / "s.yaml")


def test_another_metric_of_ones_own_asks_for_the_candidates_anew_that_were_stopped_by_it(suite: Suite) -> None:
    maker, models = file_maker(suite, Project(suite.root)), {each.name: each for each in suite.candidates}
    for model in models.values():
        maker.make(model, suite.original)
        assert maker.find(model, suite.original) is not None
    (suite.root / "metrics.py").write_text(METRIC.replace("1.0", "0.0"))
    assert file_maker(suite, Project(suite.root)).find(models["gradual"], suite.original) is None
    assert file_maker(suite, Project(suite.root)).find(models["at-once"], suite.original) is not None

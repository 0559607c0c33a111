"""A candidate that one example kills: that example is a wrong answer, and everything else about the candidate is still found out."""

from __future__ import annotations

from pathlib import Path

from harness import wiring
from harness.core.outcome import Outcome
from harness.engine.tools import Options

NET = """\
import os
import signal

import numpy as np


class Net:
    def __init__(self, dies=""):
        self.dies = dies

    def __call__(self, batch):
        if self.dies in batch["id"].tolist():
            os.kill(os.getpid(), signal.SIGSEGV)
        return np.eye(2)[[int(row[1:]) % 2 for row in batch["id"].tolist()]]
"""
SUITE = """\
schema: 1
suite: crash
original: {python: {function: 'net:Net', version: '1'}, output: {type: logits, task: multiclass, labels: ['0', '1']}}
data:
  test: {source: data.csv, id: id, target: y}
candidates:
  int8: {python: {function: 'net:Net', version: '1', kwargs: {dies: r3}}}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp}
  footprint: {max_peak_memory: 500MB}
"""


def test_accuracy_and_footprint_of_a_candidate_that_dies_in_the_first_batch(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "suite.yaml").write_text(SUITE)
    rows = [f"r{row},{row % 2}" for row in range(1000)]
    (tmp_path / "data.csv").write_text("\n".join(["id,y", *rows]) + "\n")
    suite = wiring.load(tmp_path / "suite.yaml")
    session = wiring.session(suite, wiring.find_project(suite.path, tmp_path), Options(run_id="test"))
    accuracy, footprint = (session.verdicts("int8", check)[0] for check in ("accuracy", "footprint"))
    assert accuracy.outcome is Outcome.PASS
    assert accuracy.comparison is not None
    assert accuracy.comparison.lost == 1
    assert footprint.outcome is Outcome.PASS
    assert footprint.warnings == (
        "the candidate: its peak memory was measured on batch 2, since on the first batch its worker was killed by SIGSEGV",
    )
    again = wiring.session(suite, wiring.find_project(suite.path, tmp_path), Options(run_id="test"))
    assert again.verdicts("int8", "footprint")[0].warnings == footprint.warnings, "stored, it is said again"

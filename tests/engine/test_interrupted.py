"""A run that is killed resumes, and two runs at once gather each model once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SUITE = """\
schema: 1
suite: slow
original:
  python: {function: "slow:original", version: "1"}
  input: {x: {column: x, dtype: int64}}
  output: {type: label, task: multiclass, labels: [even, odd]}
  batch_size: 50
data:
  test: {source: data.csv, id: id, target: label, segments: {half: half}}
candidates:
  small:
    python: {function: "slow:small", version: "1"}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp, per: [half]}
"""
MODEL = """\
import os, time

def _answer(name, x):
    with open(os.environ["CALLS"], "a") as calls:
        calls.write(f"{name} {int(x[0])} {len(x)}\\n")
    time.sleep(0.02)
    return x % 2

def original(inputs):
    return _answer("original", inputs["x"])

def small(inputs):
    x = inputs["x"]
    return (_answer("small", x) + (x % 1000 == 3)) % 2
"""
ROWS = 6000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "slow.yaml").write_text(SUITE)
    (tmp_path / "slow.py").write_text(MODEL)
    rows = [f"r{i},{i},{'even' if i % 2 == 0 else 'odd'},{'first' if i < 3000 else 'second'}" for i in range(ROWS)]
    (tmp_path / "data.csv").write_text("\n".join(["id,x,label,half", *rows]) + "\n")
    return tmp_path


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "CALLS": str(folder / "calls.txt")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "slow.yaml", *options]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def rows_answered(folder: Path, name: str) -> int:
    path = folder / "calls.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return sum(int(line.split()[2]) for line in lines if line.startswith(name + " ") and len(line.split()) == 3)


def result(folder: Path, report: str) -> list[dict[str, object]]:
    verdicts: list[dict[str, object]] = json.loads((folder / report / "slow" / "result.json").read_text())["verdicts"]
    return verdicts


def test_kill_9_in_the_middle_resumes_with_the_same_verdicts(folder: Path) -> None:
    run = start(folder)
    deadline = time.monotonic() + 120
    while rows_answered(folder, "original") < 5000 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert run.poll() is None, run.communicate()[0]
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=30)  # ends only when no worker holds the pipe any more: none outlives its parent
    before = rows_answered(folder, "original")
    assert 5000 <= before < ROWS + 200

    again = start(folder, "--harness-report=resumed")
    assert again.communicate(timeout=240)[0]
    assert again.returncode == 0
    repeated = rows_answered(folder, "original") - ROWS
    assert repeated < before, "nothing of the killed run was used"

    undisturbed = start(folder, "--fresh", "--harness-report=undisturbed")
    undisturbed.communicate(timeout=240)
    assert result(folder, "resumed") == result(folder, "undisturbed")


def test_two_runs_at_once_gather_each_model_once(folder: Path) -> None:
    runs = [start(folder, "--harness-report=one"), start(folder, "--harness-report=two")]
    for run in runs:
        output = run.communicate(timeout=240)[0]
        assert run.returncode == 0, output
    assert rows_answered(folder, "original") == ROWS
    assert rows_answered(folder, "small") == ROWS
    assert result(folder, "one") == result(folder, "two")


def test_ctrl_c_leaves_no_process_behind_and_no_traceback(folder: Path) -> None:
    run = start(folder)
    deadline = time.monotonic() + 120
    while rows_answered(folder, "original") < 500 and time.monotonic() < deadline:
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    output = run.communicate(timeout=60)[0]
    assert run.returncode == 2
    assert "KeyboardInterrupt" in output
    time.sleep(2)
    settled = rows_answered(folder, "original")
    time.sleep(0.5)
    assert rows_answered(folder, "original") == settled

"""Kills, interrupts and crowds: nothing is left running, nothing is lost, and the next run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from tests.adversity.door import InProcess, assert_polite, marked_environment, pytest_run, remaining
from tests.adversity.door import Run as Finished
from tests.adversity.material import MODELS, RECORDED, models, others, outcomes, project, result, suite

STEPS = """
import os, subprocess, sys, time
import numpy as np
def features(age, hours):
    flag = os.environ.get("SLOW_MAKING")
    if "make_candidate" in sys.argv[0] and not flag:
        subprocess.Popen(["sleep", "600"])  # ends with the process that makes; only a kill -9 of the run itself would leave it
    if flag and "make_candidate" in sys.argv[0]:
        open(flag, "a").close()
        time.sleep(60)
    return np.stack([np.asarray(c, dtype=np.float32) for c in (age, hours)], axis=1)
"""


@pytest.fixture
def making(tmp_path: Path) -> Path:
    """A candidate whose calibration takes a minute per batch, while SLOW_MAKING is set."""
    folder = project(tmp_path)
    models(folder)
    others(folder)
    (folder / "suites" / "steps.py").write_text(STEPS)
    suite(
        folder,
        "made",
        MODELS,
        ("{columns: [age, hours], dtype: float32}", "{columns: [age, hours], with: {python: 'steps:features'}, dtype: float32}"),
        ("  test:", "  calibration: {source: others.csv, id: person_id, role: calibration}\n  test:"),
        ("  c: {onnx: same.onnx}", "  c: {compress: [{quantize: {mode: static, weights: u8, calibrate: {data: calibration, rows: 256}}}]}"),
    )
    return folder


class Running:
    """pytest on a project, started and not waited for."""

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        self.mark = uuid.uuid4().hex
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "suites", *arguments]
        environment = marked_environment(environ, self.mark)
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = subprocess.Popen(command, cwd=folder, env=environment, text=True, start_new_session=True, **pipes)  # type: ignore[call-overload]  # mypy cannot see through **

    def wait_for(self, path: Path) -> None:
        deadline = time.monotonic() + 60
        while not path.exists():
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def finish(self) -> Finished:
        out = self.process.communicate(timeout=60)[0]
        left = remaining(self.mark)
        for each in left:
            each.kill()
        assert not left, left
        return Finished(self.process.returncode, out, "", 0.0)


def _maker(parent: int) -> psutil.Process:
    return next(child for child in psutil.Process(parent).children() if any("make_candidate" in part for part in child.cmdline()))


@pytest.mark.parametrize("victim", ["maker", "run"])
def test_kill_9_while_a_candidate_is_made(making: Path, victim: str) -> None:
    flag = making / "flag"
    running = Running(making, SLOW_MAKING=str(flag))
    running.wait_for(flag)
    if victim == "maker":
        _maker(running.process.pid).kill()
        run = running.finish()
        assert run.status == 1
        assert "candidate c could not be made: its process was killed by SIGKILL" in run.out
        assert_polite(run)
    else:
        running.process.kill()
        assert running.finish().status == -signal.SIGKILL
    assert not list((making / ".harness" / "models" / "made" / "c").glob("*/artifact.json")), "half a candidate never looks whole"
    run = pytest_run(making, "suites")
    assert run.status == 0
    assert outcomes(making, "made")["c::accuracy"] == "PASS"
    assert not list((making / ".harness" / "models").rglob("*.making"))


def test_ctrl_c_while_a_candidate_is_made(making: Path) -> None:
    flag = making / "flag"
    running = Running(making, SLOW_MAKING=str(flag))
    running.wait_for(flag)
    os.killpg(running.process.pid, signal.SIGINT)
    run = running.finish()
    assert run.status == pytest.ExitCode.INTERRUPTED
    assert "Traceback" not in run.out
    assert pytest_run(making, "suites").status == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_ends_while_a_data_source_works(tmp_path: Path, how: signal.Signals) -> None:
    folder = project(tmp_path)
    flag = tmp_path / "flag"
    (folder / "suites" / "src.py").write_text(
        "import os, time\n"
        "def rows():\n"
        "    if os.environ.get('SLOW_ROWS'):\n        open(os.environ['SLOW_ROWS'], 'w').close(); time.sleep(60)\n"
        "    return {'id': [f'r{i}' for i in range(300)], 'group': ['g'] * 300, 'y': [str(i % 2) for i in range(300)]}\n"
    )
    suite(folder, "slow", RECORDED, ("source: rows.csv", "source: {python: 'src:rows'}"))
    running = Running(folder, SLOW_ROWS=str(flag))
    running.wait_for(flag)
    os.killpg(running.process.pid, how)
    assert running.finish().status in (pytest.ExitCode.INTERRUPTED, -signal.SIGKILL)
    assert pytest_run(folder, "suites").status == 0
    assert not list((folder / ".harness" / "data").glob("*.making"))


def test_runs_at_once_share_the_work_and_write_their_own_reports(tmp_path: Path) -> None:
    folder = project(tmp_path)
    models(folder)
    suite(folder, "shared", MODELS)
    runs = [Running(folder, f"--harness-report={name}", *more) for name, more in (("one", ()), ("two", ()), ("three", ("-n", "2")))]
    for running in runs:
        run = running.finish()
        assert run.status == 0, run.out
        assert_polite(run)
    found = [outcomes(folder, "shared", name) for name in ("one", "two", "three")]
    assert found[0] == found[1] == found[2]
    assert set(found[0].values()) == {"PASS"}
    assert sum(result(folder, "shared", name)["model_calls"] for name in ("one", "two", "three")) == 800
    assert not (folder / "reports").exists()


def test_a_candidate_that_always_hangs_ends(tmp_path: Path) -> None:
    folder = project(tmp_path)
    (folder / "suites" / "hanging.py").write_text(
        "import time\nimport numpy as np\ndef good(b): return np.asarray(b['y'])\ndef hangs(b): time.sleep(600)\n"
    )
    suite(
        folder,
        "hanging",
        RECORDED,
        (
            "original: {outputs: rows.csv, prediction: a}",
            "original: {python: {function: 'hanging:good', version: 1}, output: {type: label, task: multiclass}, timeout: 300ms}",
        ),
        ("c: {outputs: rows.csv, prediction: b}", "c: {python: {function: 'hanging:hangs', version: 1}}"),
    )
    run = pytest_run(folder, "suites", limit=60)
    case = run.cases["hanging.yaml::c::accuracy"]
    assert case.outcome == "error"
    assert "given up" in case.text
    assert "no answer within 0.3 s" in case.text


def test_a_second_run_in_this_process_starts_afresh(tmp_path: Path, harness: InProcess) -> None:
    folder = project(tmp_path)
    suite(folder, "twice")
    assert harness(folder, "run").status == 0
    (folder / "suites" / "rows.csv").write_text((folder / "suites" / "rows.csv").read_text().replace("r5,g2,1,1,1", "r5,g2,1,1,0"))
    assert harness(folder, "run").status == 0
    assert result(folder, "twice")["verdicts"][0]["lost"] == 1

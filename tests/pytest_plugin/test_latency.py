"""The check `latency` through pytest and the command line, on real ONNX models.

What is asserted of durations holds on a loaded machine too: ratios of several times, ceilings of seconds.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import psutil
import pytest

import harness.report
from harness.arrays.timing import Latency, TimedSize, Timings
from harness.checks.latency import LatencyCheck
from harness.checks.latency_parameters import LatencyParameters
from harness.core.models import InputSpec, ModelSpec
from harness.core.outcome import Outcome
from harness.core.timing import InputSize
from harness.models.timing import ModelTimer
from harness.ports.timing import Pace
from tests.checks.build import material
from tests.models.fakes import MemoryDataset, kinds, module, onnx_spec, python_spec
from tests.pytest_plugin.speed import SUITE, network, write_project

RESULT_SCHEMA = json.loads((Path(harness.report.__file__).parent / "result.schema.json").read_text())
CHECKS = SUITE[SUITE.index("checks:") :]


@pytest.fixture
def speed(pytester: pytest.Pytester) -> pytest.Pytester:
    write_project(pytester.path)
    return pytester


def limits(project: pytest.Pytester, latency: str, *, footprint: bool = False, **replacements: str) -> None:
    """The suite with another check `latency`."""
    text = SUITE.replace(
        CHECKS, ("checks:\n" + ("  footprint: {min_size_reduction: 50%rel}\n" if footprint else "") + f"  latency: {latency}\n")
    )
    for old, new in replacements.items():
        text = text.replace(old, new)
    (project.path / "suites" / "speed.yaml").write_text(text)


def verdicts(project: pytest.Pytester) -> dict[str, dict[str, Any]]:
    document = json.loads((project.path / "reports" / "speed" / "result.json").read_text())
    jsonschema.validate(document, RESULT_SCHEMA)
    return {verdict["check"]: verdict for verdict in document["verdicts"]}


def figures(project: pytest.Pytester) -> dict[str, dict[str, Any]]:
    return {figure["name"]: figure for figure in verdicts(project)["latency"]["figures"]}


def benchmarks(project: Path) -> list[Path]:
    return sorted(project.glob(".benchmarks/*/*.json"))


def command(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = f"from harness.cli import main; main({list(arguments)!r})"
    return subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, env=os.environ | {"NO_COLOR": "1"})


def test_a_smaller_and_slower_candidate_is_named_in_every_headline(speed: pytest.Pytester) -> None:
    result = speed.runpytest_subprocess("suites/")
    result.assert_outcomes(passed=2)
    folder = speed.path / "reports" / "speed"
    said = "smaller and slower: its median takes"
    for text in (" ".join(result.stdout.str().split()), (folder / "index.html").read_text(), (folder / "summary.md").read_text()):
        assert said in text
    assert "| median against the original, batch 1 |" in (folder / "summary.md").read_text()
    found = figures(speed)["median against the original, batch 1"]
    assert found["low"] > 2
    assert found["low"] < found["candidate"] < found["high"]
    assert found["quantity"] == "median_ratio"
    assert found["original"] is not None  # the original against itself
    assert verdicts(speed)["latency"]["outcome"] == "PASS"


def test_stored_timings_are_used_again_and_judged_again(speed: pytest.Pytester) -> None:
    speed.runpytest_subprocess("suites/")
    before, files = figures(speed), benchmarks(speed.path)
    assert len(files) == 1
    speed.runpytest_subprocess("suites/")
    assert figures(speed) == before
    limits(speed, "{max_p50: 1us, rounds: 5, calls: 12}")
    judged = command(speed.path, "judge", "suites/speed.yaml")
    assert judged.returncode == 1, judged.stdout + judged.stderr
    assert "at most 1 µs: not met" in " ".join(judged.stdout.split())
    again = figures(speed)
    assert again.keys() == before.keys()
    assert [again[name]["candidate"] for name in again] == [before[name]["candidate"] for name in before]
    assert benchmarks(speed.path) == files
    limits(speed, "{max_p50: 60s, rounds: 6, calls: 12}")
    missing = command(speed.path, "judge", "suites/speed.yaml")
    assert missing.returncode == 2
    assert "no timings of tied on this machine are stored" in " ".join(missing.stdout.split())


def test_two_runs_at_once_measure_once(speed: pytest.Pytester) -> None:
    arguments = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "suites/", "--no-harness-report"]
    both = [subprocess.Popen(arguments, cwd=speed.path, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [running.communicate(timeout=200)[0].count("2 passed") for running in both] == [1, 1]
    assert len(benchmarks(speed.path)) == 1


def test_a_users_own_benchmark_runs_beside_the_suite_and_pytest_benchmark_compares_all(
    speed: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pytest_benchmark")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # it measures nothing where it believes to be one of several workers
    speed.makepyfile(test_mine="def test_sum(benchmark):\n    assert benchmark(sum, [1, 2, 3]) == 6\n")
    result = speed.runpytest_subprocess(
        "suites/", "test_mine.py", "-p", "pytest_benchmark", "--benchmark-autosave", "--benchmark-max-time=0.05"
    )
    result.assert_outcomes(passed=3)
    assert len(benchmarks(speed.path)) == 2
    compared = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare", "--columns=median", "--name=long"],
        cwd=speed.path,
        capture_output=True,
        text=True,
    )
    assert compared.returncode == 0, compared.stderr
    for name in ("test_sum", "speed::tied::latency::tied[batch 1]", "speed::tied::latency::original[batch 1]"):
        assert name in compared.stdout


def test_sizes_of_batch_and_of_text_and_cold_starts(speed: pytest.Pytester) -> None:
    limits(
        speed,
        "{max_p50: 60s, max_cold_start: 300s, max_load_time: 300s, batch_sizes: [1, 16], lengths: {column: text, quantiles: [0.5]}, "
        "rounds: 5, calls: 6}",
    )
    speed.runpytest_subprocess("suites/").assert_outcomes(passed=1)
    found = figures(speed)
    for batch in (1, 16):
        assert found[f"p50, batch {batch}, text at q0.5 of its characters"]["met"] is True
    assert found["load time"]["candidate"] < found["cold start"]["candidate"]
    assert found["cold start"]["low"] <= found["cold start"]["candidate"] <= found["cold start"]["high"]
    assert found["p99, batch 16, text at q0.5 of its characters"]["candidate"] is None
    assert "not estimable from 60 requests, needs 299" in found["p99, batch 16, text at q0.5 of its characters"]["note"]


def test_without_the_original_ratios_are_skipped_and_ceilings_judged(speed: pytest.Pytester) -> None:
    limits(speed, "{max_p50_increase: 0%rel, max_p50: 60s, rounds: 5, calls: 6}")
    (speed.path / "suites" / "original.onnx").unlink()
    speed.runpytest_subprocess("suites/", "--without-original").assert_outcomes(skipped=1)
    assert figures(speed)["p50, batch 1"]["met"] is True
    limits(speed, "{max_p50_increase: 0%rel, max_p50: 1us, rounds: 5, calls: 6}")
    speed.runpytest_subprocess("suites/", "--without-original").assert_outcomes(failed=1)


def test_recorded_durations_have_ceilings_and_no_ratios(speed: pytest.Pytester) -> None:
    text = SUITE.replace(
        "tied: {onnx: tied.onnx}", "tied: {outputs: rows.csv, prediction: y, latency_ms: int8_ms, output: {type: label, task: multiclass}}"
    )
    text = text.replace(CHECKS, "checks:\n  latency: {max_p99: 9ms, max_p50: 5ms}\n")
    (speed.path / "suites" / "speed.yaml").write_text(text)
    result = speed.runpytest_subprocess("suites/")
    result.assert_outcomes(failed=1)
    found = figures(speed)
    assert found["p99, as recorded"]["met"] is True
    assert found["p50, as recorded"]["met"] is False
    assert found["p50, as recorded"]["candidate"] == pytest.approx(0.006)
    assert not benchmarks(speed.path)
    (speed.path / "suites" / "speed.yaml").write_text(text.replace("max_p50: 5ms", "max_p95_increase: 0%rel"))
    result = speed.runpytest_subprocess("suites/")
    result.assert_outcomes(errors=1)
    assert "is a recording; recorded durations were not measured side by side" in " ".join(result.stdout.str().split())


def test_an_original_that_fails_makes_it_invalid_and_a_candidate_that_fails_an_error(speed: pytest.Pytester) -> None:
    module(speed.path / "suites", "bad", "def answer(batch):\n    raise ValueError('no such luck')\n")
    broken = 'python: {function: "bad:answer", version: "1"}'
    limits(speed, "{max_p50_increase: 0%rel, rounds: 5, calls: 6}", **{"onnx: original.onnx": broken})
    speed.runpytest_subprocess("suites/").assert_outcomes(errors=1)
    assert verdicts(speed)["latency"]["outcome"] == "INVALID"
    limits(speed, "{max_p50_increase: 0%rel, rounds: 5, calls: 6}", **{"onnx: tied.onnx": broken})
    speed.runpytest_subprocess("suites/").assert_outcomes(errors=1)
    assert verdicts(speed)["latency"]["outcome"] == "ERROR"
    assert "no such luck" in verdicts(speed)["latency"]["reason"]


def test_the_plan_says_what_can_be_proved_once_it_is_measured(speed: pytest.Pytester) -> None:
    limits(speed, "{max_p95_increase: 0%rel, rounds: 5, calls: 12}")
    assert "not measured yet what can be proved on this machine" in command(speed.path, "plan").stdout
    speed.runpytest_subprocess("suites/")
    plan = command(speed.path, "plan").stdout
    assert "by the original's spread against itself 5 rounds prove" in plan
    assert "max_p95_increase: 0%rel passes only a candidate that is about" in plan
    notes = json.loads(command(speed.path, "plan", "--json").stdout)["suites"][0]["notes"]
    assert any("5 rounds prove" in note for note in notes)


def test_ctrl_c_while_timing_leaves_no_process(speed: pytest.Pytester) -> None:
    limits(speed, "{max_p50: 60s, rounds: 1000, calls: 1000}")
    running = subprocess.Popen(
        [sys.executable, "-c", "from harness.cli import main; main(['run'])"],
        cwd=speed.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    workers: list[psutil.Process] = []
    while len(workers) < 2 and time.monotonic() < deadline:
        workers = psutil.Process(running.pid).children(recursive=True)
        time.sleep(0.05)
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in err
    assert len(workers) >= 2
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive
    assert not benchmarks(speed.path)


X = (InputSpec("x", ("a", "b")),)


def judged(models: tuple[ModelSpec, ModelSpec], root: Path, seed: int, **limits: object) -> Outcome:
    """The outcome for two models timed against each other."""
    dataset = MemoryDataset({"id": [f"r{i}" for i in range(64)], "a": np.arange(64.0), "b": np.ones(64)})
    with closing(ModelTimer(kinds()).rounds(models, root, dataset, InputSize(), Pace(8, 30, 1, seed))) as rounds:
        found = list(rounds)
    timings = Timings(*(np.stack([each.durations[index] for each in found]) for index in (1, 0)))
    check = LatencyCheck("latency", LatencyParameters.model_validate(limits))
    latency = Latency((TimedSize(InputSize(), timings),))
    return check.judge(replace(material(None, None, []), latency=latency))[0].outcome


@pytest.mark.slow
def test_the_same_model_twice_ten_times_never_fails(tmp_path: Path) -> None:
    network(tmp_path / "m.onnx", 12, tied=False)
    model = onnx_spec("m.onnx", X)
    outcomes = [judged((model, model), tmp_path, seed, max_p95_increase="5%rel", max_p50_increase="5%rel") for seed in range(10)]
    assert Outcome.FAIL not in outcomes


@pytest.mark.slow
def test_twenty_per_cent_planted_fail(tmp_path: Path) -> None:
    """Sleeps of 5 and 6 ms: what a busy machine adds to either, it adds to both."""
    module(
        tmp_path,
        "m",
        """
        import time
        import numpy as np

        class Model:
            def __init__(self, milliseconds):
                self.seconds = milliseconds / 1000

            def __call__(self, batch):
                time.sleep(self.seconds)
                return np.zeros((len(batch["x"]), 3))
        """,
    )
    models = tuple(python_spec("m:Model", inputs=X, kwargs={"milliseconds": ms}) for ms in (5, 6))
    outcomes = [judged(models, tmp_path, seed, max_p50_increase="5%rel") for seed in range(3)]  # type: ignore[arg-type]
    assert Outcome.FAIL in outcomes
    assert Outcome.PASS not in outcomes

"""Schedules: each stage is kept, the last one that held comes out, and a killed run goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from harness.catalogue import Kind, Parameters
from harness.compress.technique import OnnxTechnique
from harness.core.models import Step
from harness.errors import ModelError
from harness.ports.compress import Artefact, StepContext, StepReport, StopRule
from tests.compress.conftest import Net
from tests.compress.test_maker import candidate, kinds, maker

FOLDER = Path(__file__).parents[2]


class Counting(Parameters):
    """A schedule of numbered stages."""

    stages: int
    number: int = 0


class Gradual(OnnxTechnique):
    """Every stage appends its number to a list; what it makes is the model it was given."""

    def __init__(self, rule: StopRule | None, calls: list[int]) -> None:
        self._rule = rule
        self._calls = calls

    def stages(self, parameters: Counting) -> tuple[Counting, ...]:
        return tuple(Counting(stages=parameters.stages, number=number) for number in range(1, parameters.stages + 1))

    def stop_rule(self, parameters: Counting) -> StopRule | None:
        return self._rule

    def apply(self, source: Path, target: Path, parameters: Counting, context: StepContext) -> StepReport:
        self._calls.append(parameters.number)
        target.write_bytes(source.read_bytes())
        return StepReport(notes=(f"stage {parameters.number}",))


def made(net: Net, folder: Path, scores: list[float], rule: StopRule | None, calls: list[int]) -> Artefact:
    """A candidate of one step with as many stages as there are scores after the first, which is that of the original."""
    given = iter([scores[0], *scores])  # once as the graph that was exported, once as the network itself

    def score(*arguments: object) -> float:
        return next(given)

    techniques = kinds(Kind("gradual", Counting, Gradual(rule, calls)))
    makes = maker(net, folder, techniques=techniques, score=score)
    return makes.make(candidate(net, Step("gradual", Counting(stages=len(scores) - 1))), net.spec)


def trace(artefact: Artefact) -> list[dict[str, Any]]:
    found: Any = artefact.record["steps"]
    return list(found[-1]["trace"])


@pytest.mark.parametrize(
    ("scores", "rule", "kept", "why"),
    [
        ([0.90, 0.90, 0.898, 0.897], StopRule("v", 0.005, None), 3, ""),
        ([0.90, 0.90, 0.892, 0.891], StopRule("v", 0.005, None), 1, "lost 0.008 since the stage before, more than 0.005"),
        ([0.90, 0.897, 0.894, 0.889], StopRule("v", None, 0.01), 2, "lost 0.011 since the start, more than 0.01"),
        ([0.90, 0.895, 0.895], StopRule("v", 0.005, None), 2, ""),
        ([0.90, 0.95, 0.948], StopRule("v", 0.001, 0.01), 1, "lost 0.002 since the stage before, more than 0.001"),
    ],
    ids=["all hold", "a stage loses too much", "too much in all", "exactly at the limit", "after a gain"],
)
def test_the_last_stage_that_held_comes_out(survey: Net, tmp_path: Path, scores: list[float], rule: StopRule, kept: int, why: str) -> None:
    calls: list[int] = []
    artefact = made(survey, tmp_path, scores, rule, calls)
    rows = trace(artefact)
    assert [row["kept"] for row in rows] == [True] * kept + [False] * bool(why)
    assert artefact.record["steps"][-1]["notes"] == [f"stage {kept}"]  # type: ignore[index]  # JSON
    assert rows[-1].get("stopped", "") == why
    assert calls == list(range(1, len(rows) + 1)), "no stage after the one that broke it"
    for number, row in enumerate(rows):
        assert row["score"] == scores[number + 1]
        assert row["drop"] == pytest.approx(scores[number] - scores[number + 1])
        assert row["total_drop"] == pytest.approx(scores[0] - scores[number + 1])


def test_a_score_that_is_no_number_never_holds(survey: Net, tmp_path: Path) -> None:
    artefact = made(survey, tmp_path, [0.9, 0.9, float("nan")], StopRule("v", 0.005, None), [])
    assert [row["kept"] for row in trace(artefact)] == [True, False]


def test_what_is_lost_in_all_counts_from_the_original_whatever_was_found_or_made(survey: Net, tmp_path: Path) -> None:
    """Two gradual steps; the second counts what the first lost, and the same when the first is only found again."""
    techniques = kinds(Kind("gradual", Counting, Gradual(StopRule("v", None, 0.01), [])))
    step = Step("gradual", Counting(stages=2))
    given = iter([0.90, 0.90, 0.898, 0.896, 0.896, 0.90, 0.892, 0.885])

    def score(*arguments: object) -> float:
        return next(given)

    first = maker(survey, tmp_path, techniques=techniques, score=score).make(candidate(survey, step, step), survey.spec)
    rows = [row for record in first.record["steps"] for row in record.get("trace", ())]  # type: ignore[attr-defined]  # JSON
    assert [round(row["total_drop"], 6) for row in rows] == [0.002, 0.004, 0.008, 0.015]
    assert [row["kept"] for row in rows] == [True, True, True, False]


def test_a_first_stage_that_loses_too_much_is_an_error(survey: Net, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"the first stage of the schedule already loses too much .*begin lower"):
        made(survey, tmp_path, [0.9, 0.5, 0.5], StopRule("v", 0.005, None), [])


def test_without_a_rule_every_stage_is_run_and_nothing_is_scored(survey: Net, tmp_path: Path) -> None:
    calls: list[int] = []
    artefact = made(survey, tmp_path, [float("nan")] * 4, None, calls)
    assert calls == [1, 2, 3]
    assert [row["kept"] for row in trace(artefact)] == [True, True, True]


SUITE = """
schema: 1
suite: digits
original:
  torch: {factory: digits.nets:build, weights: digits/weights.safetensors}
  input: {input: {column: image, with: {python: digits.prep:scale}}}
  output: {name: logits, type: logits, task: multiclass, labels: digits/labels.txt}
data:
  test: {python: digits.images:test, id: id, target: digit}
  train: {python: halves:train, id: id, target: digit, role: train}
  held_out: {python: halves:held_out, id: id, target: digit, role: validation}
candidates:
  sparse:
    compress:
      - prune:
          sparsity: {from: 0.1, to: 0.8, steps: 6}
          scope: global
          finetune: {data: train, epochs: 4}
          validate: held_out
          stop_if_drop: 0.5pp
checks:
  accuracy: {metric: accuracy, max_drop: 2pp}
"""
HALVES = """
import os, time
from pathlib import Path
import pyarrow as pa
from digits import images
def train(): return images.train().slice(0, 400)
def held_out(): return images.train().slice(400)
"""
# Tells, by a file per stage, how far it is, and waits where it is to be killed.
SITE = """
import os, time
from pathlib import Path
def watch():
    from harness.compress import torch_training
    train = torch_training.train
    from harness.compress import torch_prune
    def told(*arguments, **named):
        folder = Path(os.environ["TOLD"])
        number = len(list(folder.iterdir())) + 1
        (folder / str(number)).touch()
        if os.environ.get("STOP_AT") == str(number):
            time.sleep(600)
        return train(*arguments, **named)
    torch_prune.train = told
watch()
"""
MAKE = """
import sys
sys.path[:0] = sys.argv[4:]
import site_watch
from harness.wiring.make_candidate import main
sys.exit(main(*sys.argv[1:4]))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "suites"
    folder.mkdir()
    for name in ("digits",):
        (folder / name).symlink_to(FOLDER / "suites" / name)
    (folder / "gradual.yaml").write_text(SUITE)
    (folder / "halves.py").write_text(HALVES)
    (folder / "site_watch.py").write_text(SITE)
    return tmp_path


def start(project: Path, told: Path, **environment: str) -> subprocess.Popen[str]:
    told.mkdir(exist_ok=True)
    arguments = [str(project / "suites" / "gradual.yaml"), "sparse", str(project), str(project / "suites"), str(FOLDER)]
    given = {**os.environ, "TOLD": str(told), **environment}
    return subprocess.Popen(
        [sys.executable, "-c", MAKE, *arguments], env=given, cwd=project, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def artefact(project: Path) -> tuple[Path, dict[str, Any]]:
    (path,) = (project / ".harness" / "models" / "digits" / "sparse").glob("*/artifact.json")
    return path.parent, json.loads(path.read_text())


@pytest.mark.slow
def test_pruning_in_six_steps_killed_in_the_fourth(project: Path, tmp_path: Path) -> None:
    """Killed while the fourth stage trains, the next run begins with the fourth, and ends like one that was left alone."""
    running = start(project, tmp_path / "first", STOP_AT="4")
    deadline = time.monotonic() + 200
    while not (tmp_path / "first" / "4").exists():
        assert running.poll() is None, running.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    again = start(project, tmp_path / "second")
    said = again.communicate(timeout=200)[0]
    assert again.returncode == 0, said
    folder, record = artefact(project)
    rows = record["steps"][0]["trace"]
    assert len(list((tmp_path / "second").iterdir())) == len(rows) - 3, "the first three stages were not done again"
    kept = [row for row in rows if row["kept"]]
    assert all(row["drop"] <= 0.005 + 1e-9 for row in kept)
    assert len(rows) == 6 or rows[-1]["drop"] > 0.005
    weights = [
        values for name, values in _weights(folder / "model.onnx").items() if name in ("0.weight", "3.weight", "7.weight", "13.weight")
    ]
    zeros = sum(int((values == 0).sum()) for values in weights) / sum(values.size for values in weights)
    assert zeros == pytest.approx(kept[-1]["parameters"]["share"], abs=0.001)
    undisturbed = tmp_path / "other"
    (undisturbed / "suites").mkdir(parents=True)
    for path in (project / "suites").iterdir():
        (undisturbed / "suites" / path.name).symlink_to(path)
    whole = start(undisturbed, tmp_path / "third")
    said = whole.communicate(timeout=200)[0]
    assert whole.returncode == 0, said
    other, record_of_other = artefact(undisturbed)
    assert (other / "model.onnx").read_bytes() == (folder / "model.onnx").read_bytes()
    assert [_timeless(row) for row in record_of_other["steps"][0]["trace"]] == [_timeless(row) for row in rows]


def _timeless(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "seconds"}


def _weights(path: Path) -> dict[str, Any]:
    return {tensor.name: np.asarray(onnx.numpy_helper.to_array(tensor)) for tensor in onnx.load(str(path)).graph.initializer}

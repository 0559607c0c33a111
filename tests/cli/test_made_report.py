"""What a run tells about the candidates it made: in the report, and beside the model itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.report import read_report
from tests.cli.door import Door
from tests.cli.material import write_income

MADE = """  few-bits: {compress: [{quantize: {mode: weights, bits: 4, per: tensor}}]}
  schedule: {compress: [{quantize: {mode: weights, bits: [16, 8]}}]}
"""


@pytest.fixture
def suite(project: Path) -> Path:
    path = write_income(project)
    path.write_text(path.read_text().replace("candidates:\n", "candidates:\n" + MADE))
    return path


def folder(project: Path, candidate: str) -> Path:
    (found,) = (project / ".harness" / "models" / "income" / candidate).glob("*/artifact.json")
    return found.parent


def verdicts(project: Path, candidate: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder(project, candidate) / "verdicts.json").read_text())
    return found


def test_the_report_tells_how_a_candidate_was_made_and_the_model_what_was_found(harness: Door, project: Path, suite: Path) -> None:
    harness("run", suite)
    result = project / "reports" / "income" / "result.json"
    made = {each.candidate: each for each in read_report(result).extras.made}
    assert set(made) == {"few-bits", "schedule"}
    (step,) = made["few-bits"].steps
    assert (step.technique, step.layers[0].name, step.layers[0].shape, step.layers[0].facts["bits"]) == ("quantize", "W", (2, 2), 4.0)
    (step,) = made["schedule"].steps
    assert [(stage.stage, stage.kept, stage.settings["bits"]) for stage in step.trace] == [(1, True, 16), (2, True, 8)]
    record = json.loads((folder(project, "few-bits") / "artifact.json").read_text())
    assert (made["few-bits"].seconds, made["few-bits"].after) == (record["seconds"], record["files"]["model.onnx"]["bytes"])
    page = result.with_name("index.html").read_text()
    assert "How candidates were made" in page

    kept = verdicts(project, "few-bits")
    run = json.loads(result.read_text())["run"]
    assert (kept["suite"], kept["candidate"], kept["run"]) == ("income", "few-bits", run)
    by_check = {row["check"]: row for row in kept["verdicts"]}
    assert by_check["accuracy"]["outcome"] in ("PASS", "FAIL", "INCONCLUSIVE")
    assert by_check["accuracy"]["unit"] == "points"
    assert by_check["accuracy"]["low"] <= by_check["accuracy"]["drop"] <= by_check["accuracy"]["high"]


def test_verdicts_leave_the_artefact_as_it_was_and_the_next_full_run_replaces_them(harness: Door, project: Path, suite: Path) -> None:
    harness("run", suite)
    artefact = folder(project, "few-bits")
    before = {name: (artefact / name).read_bytes() for name in ("artifact.json", "model.onnx")}
    first = verdicts(project, "few-bits")["run"]["id"]
    harness("run", suite, "--candidate", "few-bits")
    assert (verdicts(project, "few-bits")["run"]["id"] == first) == (project / "reports" / "income" / "partial").is_dir()
    harness("run", suite)
    assert verdicts(project, "few-bits")["run"]["id"] != first
    assert {name: (artefact / name).read_bytes() for name in before} == before
    assert sorted(path.name for path in artefact.iterdir()) == ["artifact.json", "model.onnx", "verdicts.json"]


def test_verdicts_that_cannot_be_written_cost_neither_the_run_nor_the_report(harness: Door, project: Path, suite: Path) -> None:
    status = harness("run", suite).status
    kept = folder(project, "few-bits") / "verdicts.json"
    kept.unlink()
    kept.mkdir()
    (project / "reports" / "income" / "index.html").unlink()
    again = harness("run", suite)
    assert (again.status, "no report was written" in again.err) == (status, False)
    assert (project / "reports" / "income" / "index.html").is_file()
    assert verdicts(project, "schedule")["run"]["id"], "the others are kept all the same"


def test_a_page_is_rendered_again_with_the_making_when_the_artefacts_are_gone(harness: Door, project: Path, suite: Path) -> None:
    harness("run", suite)
    page = project / "reports" / "income" / "index.html"
    page.unlink()
    harness("clean", "--all")
    assert not (project / ".harness" / "models").exists() or not list((project / ".harness" / "models").rglob("artifact.json"))
    assert harness("report", "income").status == 0
    assert "How candidates were made" in page.read_text()


def test_processes_in_parallel_tell_the_same(project: Path, suite: Path) -> None:
    command = [sys.executable, "-m", "pytest", str(suite), "-n", "2", "-q", "-p", "no:cacheprovider"]
    subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    extras = read_report(project / "reports" / "income" / "result.json").extras
    assert {each.candidate for each in extras.made} == {"few-bits", "schedule"}
    assert verdicts(project, "schedule")["verdicts"]

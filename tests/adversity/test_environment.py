"""Surroundings that are not as usual: no HOME, no UTF-8, no temporary folder, a clock that was set back."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.adversity.door import InProcess, harness_run, pytest_run
from tests.adversity.material import MODELS, RECORDED, models, others, outcomes, project, result, suite

ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
EVERYTHING: dict[str, str | None] = {"HOME": None, "TMPDIR": "/nowhere/at/all", "USER": None, "TERM": "dumb", **ASCII}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project(tmp_path_factory.mktemp("environment"))
    models(folder)
    made = ("  c: {onnx: same.onnx}\n", "  c: {onnx: same.onnx}\n  made: {compress: [{quantize: {mode: weights, bits: 8}}]}\n")
    suite(folder, "plain", MODELS, made)
    lines = "".join(f"r{i},g{i % 3},Müller{i % 2},Müller{i % 2},Müller{0 if i < 100 else i % 2}\n" for i in range(300))
    (folder / "suites" / "rows.csv").write_text("id,group,y,a,b\n" + lines, encoding="utf-8")
    suite(folder, "umlauts", RECORDED, ("suite: NAME", "suite: NAME\nabout: Größe, 日本語 und 😀"))
    return folder


@pytest.mark.parametrize(
    "environ",
    [{"HOME": None}, ASCII, {"PYTHONIOENCODING": "ascii"}, {"TMPDIR": "/nowhere/at/all"}, EVERYTHING],
    ids=["no-home", "ascii-locale", "ascii-output", "no-tmpdir", "everything"],
)
def test_the_verdicts_are_the_same(folder: Path, environ: Mapping[str, str | None]) -> None:
    run = pytest_run(folder, "suites", "--fresh", environ=environ)
    assert {case.outcome for key, case in run.cases.items() if key.startswith("plain")} == {"passed"}
    assert run.cases["umlauts.yaml::c::accuracy"].outcome == "failed"
    assert "umlauts: c must not ship" in run.out
    assert "\\n" not in run.out, "line ends are not shown as text"
    said = harness_run(folder, "run", environ=environ)
    assert said.status == 1
    assert "umlauts: c must not ship" in said.out
    assert outcomes(folder, "plain")["made::accuracy"] == "PASS"


def test_a_wrong_candidate_is_explained_without_utf_8_too(folder: Path) -> None:
    said = harness_run(folder, "run", "--candidate", "größe", environ=ASCII)
    assert said.status == 2
    assert "no suite has a candidate" in said.err


def test_fresh_means_fresh_after_the_clock_was_set_back(tmp_path: Path, harness: InProcess) -> None:
    """What seems to have been gathered tomorrow was gathered before this run."""
    folder = project(tmp_path)
    models(folder)
    suite(folder, "clock", MODELS)
    assert harness(folder, "run").status == 0
    assert result(folder, "clock")["model_calls"] == 800
    for key in (folder / ".harness" / "evidence").glob("*/key.json"):
        facts = json.loads(key.read_text())
        key.write_text(json.dumps({**facts, "begun": time.time() + 86_400}))
    assert harness(folder, "run").status == 0
    assert result(folder, "clock")["model_calls"] == 0
    assert harness(folder, "run", "--fresh").status == 0
    assert result(folder, "clock")["model_calls"] == 800


def test_modules_named_like_the_standard_librarys_harm_nobody(tmp_path: Path) -> None:
    """The folder of a suite comes after Python's own wherever the harness works; the suite's own steps still find their neighbours."""
    folder = project(tmp_path)
    models(folder)
    others(folder)
    suites = folder / "suites"
    for name in ("random", "queue", "json", "types"):
        (suites / f"{name}.py").write_text("raise RuntimeError('not the module you are looking for')\n")
    (suites / "neighbour.py").write_text("SCALE = 1.0\n")
    (suites / "steps.py").write_text(
        "import numpy as np\nfrom neighbour import SCALE\n"
        "def features(age, hours):\n    return SCALE * np.stack([np.asarray(c, dtype=np.float32) for c in (age, hours)], axis=1)\n"
    )
    suite(
        folder,
        "shadowed",
        MODELS,
        ("{columns: [age, hours], dtype: float32}", "{columns: [age, hours], with: {python: 'steps:features'}, dtype: float32}"),
        ("  test:", "  calibration: {source: others.csv, id: person_id, role: calibration}\n  test:"),
        ("  c: {onnx: same.onnx}", "  c: {compress: [{quantize: {mode: static, weights: u8, calibrate: {data: calibration, rows: 64}}}]}"),
    )
    run = pytest_run(folder, "suites")
    assert run.status == 0, run.text
    assert outcomes(folder, "shadowed")["c::accuracy"] == "PASS"

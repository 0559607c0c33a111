"""Model files that are missing, broken or another model's: the candidate is an ERROR, the original makes it INVALID,
the others are judged."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.adversity.door import Run, harness_run, pytest_run
from tests.adversity.material import MODELS, models, outcomes, project, result, suite
from tests.cli.material import linear

CANDIDATES = {
    "missing": ("gone.onnx", r"there is no ONNX model \S+gone.onnx"),
    "empty": ("empty.onnx", r"empty.onnx is empty"),
    "truncated": ("truncated.onnx", r"truncated.onnx is not an ONNX model, or is truncated"),
    "text": ("text.onnx", r"text.onnx is not an ONNX model, or is truncated"),
    "folder": ("folder.onnx", r"folder.onnx"),
    "three-classes": ("three.onnx", r"has shape \(batch, 3\), but there are 2 labels \(0, 1\)"),
    "other-input": ("other-input.onnx", r"'features'.*'x'|'x'.*'features'"),
    "wide": ("wide.onnx", r"features"),
}


def write_models(folder: Path) -> None:
    models(folder)
    suites = folder / "suites"
    linear(suites / "three.onnx", [[-1.0, 1.0, 0.0]] * 2)
    linear(suites / "other-input.onnx", [[-1.0, 1.0]] * 2, inputs="x")
    linear(suites / "wide.onnx", [[-1.0, 1.0]] * 3)
    linear(suites / "nan.onnx", [[float("nan"), 1.0], [-1.0, 1.0]])
    linear(suites / "infinite.onnx", [[float("inf"), 1.0], [-1.0, 1.0]])
    (suites / "empty.onnx").write_bytes(b"")
    (suites / "truncated.onnx").write_bytes((suites / "good.onnx").read_bytes()[:60])
    (suites / "text.onnx").write_text("this is not a model\n" * 20)
    (suites / "folder.onnx").mkdir()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project(tmp_path_factory.mktemp("model-files"))
    write_models(folder)
    listed = "".join(f"  {name}: {{onnx: {file}}}\n" for name, (file, _) in CANDIDATES.items())
    suite(folder, "candidates", MODELS, ("  c: {onnx: same.onnx}\n", listed + "  nan: {onnx: nan.onnx}\n  c: {onnx: same.onnx}\n"))
    for name in ("gone", "empty", "truncated", "three", "nan", "infinite"):
        suite(folder, f"original-{name}", MODELS, ("onnx: good.onnx", f"onnx: {name}.onnx"))
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return pytest_run(folder, "suites")


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_broken_candidate_is_an_error_with_a_sentence(run: Run, name: str) -> None:
    for item in ("accuracy", "accuracy[sex:f]", "accuracy[sex:m]"):
        assert run.cases[f"candidates.yaml::{name}::{item}"].outcome == "error"
    text = run.cases[f"candidates.yaml::{name}::accuracy"].text
    assert re.search(CANDIDATES[name][1], text), text
    assert len(text.strip().splitlines()) == 2


def test_the_sound_candidate_beside_them_passes(folder: Path, run: Run) -> None:
    assert {run.cases[f"candidates.yaml::c::{item}"].outcome for item in ("accuracy", "accuracy[sex:f]", "accuracy[sex:m]")} == {"passed"}


def test_nan_is_a_wrong_answer_counted_and_named(folder: Path, run: Run) -> None:
    assert run.cases["candidates.yaml::nan::accuracy"].outcome == "failed"
    verdict = next(v for v in result(folder, "candidates")["verdicts"] if v["item"] == "nan::accuracy")
    assert (verdict["candidate_value"], verdict["lost"]) == (0.0, 400)
    assert any("gave NaN or Inf on 400 examples (p0, p1, p2, p3, p4, …" in warning for warning in verdict["warnings"])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gone", "the original cannot be measured: there is no ONNX model"),
        ("empty", "the original cannot be measured: .*empty.onnx is empty"),
        ("truncated", "the original cannot be measured: .*is truncated"),
        ("three", "the original cannot be measured: .*there are 2 labels"),
        ("nan", r"the original gave NaN or Inf on 400 examples \(p0, p1, .*100.00 % of the data, more than 0.1 %"),
        ("infinite", r"the original gave NaN or Inf on 400 examples \(p0, p1, .*100.00 % of the data"),
    ],
)
def test_a_broken_original_makes_the_measurement_invalid(run: Run, name: str, sentence: str) -> None:
    case = run.cases[f"original-{name}.yaml::c::accuracy"]
    assert case.outcome == "error"
    assert re.search(f"INVALID: {sentence}", case.text), case.text


def test_the_command_line_judges_alike(folder: Path, run: Run) -> None:
    before = outcomes(folder, "candidates")
    said = harness_run(folder, "run", "suites/candidates.yaml")
    assert said.status == 2
    assert outcomes(folder, "candidates") == before
    assert {before[f"{name}::accuracy"] for name in CANDIDATES} == {"ERROR"}


def test_no_error_is_repeated_as_a_page_of_pytest(run: Run) -> None:
    assert "harness/pytest_plugin" not in run.out
    assert "BlockedError" not in run.out

"""`harness compress`: candidates made without a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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


def test_every_technique_is_listed_with_what_it_needs(harness: Door) -> None:
    from harness import wiring

    done = harness("compress", "--list")
    assert done.status == 0
    for kind in wiring.registers().techniques:
        assert f"\n {kind.name} " in done.out
    assert "calibration rows" in done.out
    assert "training rows with answers" in done.out


def test_candidates_are_made_found_again_and_copied(harness: Door, project: Path, suite: Path) -> None:
    done = harness("compress", suite, "--layers", "--copy-to", project / "made")
    assert done.status == 0
    assert "W 2×2: " in done.out
    assert "stage 2: " in done.out
    (record,) = (project / ".harness" / "models" / "income" / "few-bits").glob("*/artifact.json")
    assert json.loads(record.read_text())["steps"][-1]["parameters"]["bits"] == 4
    copied = project / "made" / "income" / "few-bits"
    assert (copied / "model.onnx").read_bytes() == (record.parent / "model.onnx").read_bytes()
    before = record.stat().st_mtime_ns
    again = harness("compress", suite, "--candidate", "few-bits", "--quiet")
    assert (again.status, again.out, again.err) == (0, "", "")
    assert record.stat().st_mtime_ns >= before
    assert not (project / "reports").exists(), "nothing is judged"


def test_a_candidate_that_cannot_be_made_is_one_sentence(harness: Door, suite: Path) -> None:
    suite.write_text(suite.read_text().replace("per: tensor", "per: tensor, exclude: [V]"))
    done = harness("compress", suite)
    assert done.status == 2
    assert "candidate few-bits could not be made: exclude: the model has no node or weight called 'V'; its weights are W" in done.err
    assert "schedule" in done.out, "the others are made all the same"


def test_nothing_to_make_is_said(harness: Door, project: Path) -> None:
    done = harness("compress", write_income(project))
    assert done.status == 0
    assert "no candidate is made by compress:" in done.err


def test_a_place_that_cannot_be_written(harness: Door, project: Path, suite: Path) -> None:
    (project / "file").write_text("in the way")
    done = harness("compress", suite, "--candidate", "few-bits", "--copy-to", project / "file")
    assert done.status == 2
    assert "cannot write" in done.err


def test_rows_that_are_tested_on_too_are_refused_with_their_number(harness: Door, project: Path, suite: Path) -> None:
    """By what the model reads, whatever ids the rows have."""
    header, *people = (project / "people.csv").read_text().splitlines()
    unseen = [f"q{number},{number},{number},f,1" for number in range(40)]
    leaked = [f"other-{row}" for row in people[100:123]]
    (project / "train.csv").write_text("\n".join([header, *unseen, *leaked]) + "\n")
    text = suite.read_text().replace(
        "candidates:\n",
        "  train: {source: ../train.csv, id: person_id, target: income, role: train}\n"
        "candidates:\n  static: {compress: [{quantize: {mode: static, calibrate: {data: train}}}]}\n",
    )
    suite.write_text(text)
    done = harness("compress", suite, "--candidate", "static")
    assert done.status == 2
    assert "23 of the calibration rows of 'train' also stand in the test data" in done.err
    assert not list((project / ".harness" / "models" / "income").glob("static/*/model.onnx"))

"""`judge: each_step` under pytest: no items of its own, and the step in the reason of those that are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.steps import write_steps


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makefile(".toml", pyproject="")
    pytester.mkdir("suites")
    path = write_steps(pytester.path)
    path.write_text(path.read_text().replace("  agreement: {max_flip_rate: 60%}\n", "").replace("  same: {onnx: ../same.onnx}\n", ""))
    return pytester


def table(folder: Path) -> Any:
    (found,) = json.loads((folder / "result.json").read_text())["extras"]["each_step"]
    return found


def test_items_are_those_of_the_candidate_and_a_part_of_them_has_its_part_of_the_table(suite: pytest.Pytester) -> None:
    run = suite.runpytest_subprocess("suites", "-k", "close")
    run.assert_outcomes(failed=1, deselected=3)
    run.stdout.fnmatch_lines(["FAIL: accuracy dropped *; broken by step 2, quantize: PASS after prune, FAIL after quantize"])
    reports = suite.path / "reports" / "steps"
    part = table(reports / "partial")
    assert [row["segment"] for row in part["rows"]] == [None, "kind:close"]

    run = suite.runpytest_subprocess("suites")
    run.assert_outcomes(failed=3, passed=1)
    result = json.loads((reports / "result.json").read_text())
    assert result["model_calls"] == 0
    whole = table(reports)
    assert {row["segment"]: row for row in whole["rows"]}["kind:close"] == part["rows"][1]
    assert {row["segment"] for row in whole["rows"]} == {None, "kind:close", "kind:faint"}


@pytest.mark.slow
def test_the_process_that_reports_has_the_table_though_workers_judged(suite: pytest.Pytester) -> None:
    tables = []
    for options in (("-n", "2"), ()):
        suite.runpytest_subprocess("suites", *options).assert_outcomes(failed=3, passed=1)
        tables.append(table(suite.path / "reports" / "steps"))
    assert tables[0] == tables[1]

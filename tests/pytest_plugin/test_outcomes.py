"""What a person sees of each outcome under pytest."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.pytest_plugin.conftest import SUITE, recording


def suite_file(project: pytest.Pytester) -> Path:
    return project.path / "suites" / "recorded.yaml"


def record(project: pytest.Pytester, lost: object) -> None:
    (project.path / "suites" / "runs.csv").write_text(recording(2000, lost))  # type: ignore[arg-type]


def test_a_good_candidate_passes(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("suites/")
    result.assert_outcomes(passed=5)
    assert result.ret == 0


def test_a_lost_segment_fails_with_numbers_and_without_a_traceback(project: pytest.Pytester) -> None:
    record(project, lambda row, group: group == "b" and row < 300)
    result = project.runpytest_subprocess("suites/")
    assert result.ret == 1
    text = result.stdout.str()
    assert "Traceback" not in text
    assert "Error" not in text
    result.stdout.fnmatch_lines(["*FAIL: accuracy dropped 15.0pp (90 % interval of the drop *", "*500, 75 flips: 75 lost, 0 gained*"])
    result.stdout.fnmatch_lines(["*worst examples: r1, r5, r9*"])


def test_every_segment_is_in_result_json(project: pytest.Pytester) -> None:
    record(project, lambda row, group: group == "b" and row < 300)
    project.runpytest_subprocess("suites/")
    document = json.loads((project.path / "reports" / "recorded" / "result.json").read_text())
    found = {(v["segment"] or {}).get("group", "whole"): v for v in document["verdicts"]}
    assert set(found) == {"whole", "a", "b", "c", "d"}
    assert found["b"]["outcome"] == "FAIL"
    assert found["b"]["drop"] == pytest.approx(0.15)
    assert (found["b"]["n"], found["b"]["lost"], found["b"]["gained"]) == (500, 75, 0)
    assert found["a"]["drop"] == 0


def test_an_unproven_segment_warns_with_a_letter_of_its_own(project: pytest.Pytester) -> None:
    record(project, lambda row, group: group == "b" and row < 24)
    result = project.runpytest_subprocess("suites/")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*recorded.yaml ..?..*", "*4 passed, 1 inconclusive*"])


@pytest.mark.parametrize("option", ["--harness-strict", "--strict"])
def test_strict_makes_an_unproven_segment_fail(project: pytest.Pytester, option: str) -> None:
    record(project, lambda row, group: group == "b" and row < 24)
    result = project.runpytest_subprocess("suites/", option)
    result.assert_outcomes(passed=4, failed=1)


def test_a_candidate_that_cannot_be_read_is_an_error_and_not_a_failure(project: pytest.Pytester) -> None:
    suite_file(project).write_text(SUITE.replace("int8: {outputs: runs.csv", "int8: {outputs: gone.csv"))
    result = project.runpytest_subprocess("suites/")
    result.assert_outcomes(errors=5)
    assert result.ret == 1
    assert "gone.csv" in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


def test_an_expected_failure_is_xfailed_and_a_surprise_fails(project: pytest.Pytester) -> None:
    announced = SUITE.replace("prediction: int8}", "prediction: int8, expect: {accuracy: {outcome: FAIL, reason: known to be bad}}}")
    suite_file(project).write_text(announced)
    record(project, lambda row, group: row % 3 == 0)
    result = project.runpytest_subprocess("suites/")
    assert result.ret == 0
    result.assert_outcomes(xfailed=5)
    record(project, lambda row, group: False)
    surprise = project.runpytest_subprocess("suites/")
    assert surprise.ret == 1
    surprise.stdout.fnmatch_lines(["*expected FAIL (known to be bad), and the worst outcome is PASS*"])


def test_a_suite_whose_requirement_is_missing_is_skipped_with_the_reason(project: pytest.Pytester) -> None:
    suite_file(project).write_text(SUITE + "requires: [env:SOME_SECRET]\n")
    result = project.runpytest_subprocess("suites/", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*requires env:SOME_SECRET: the environment variable SOME_SECRET is not set*"])


def test_faults_of_a_suite_are_all_shown_at_their_lines_without_a_traceback(project: pytest.Pytester) -> None:
    suite_file(project).write_text(SUITE.replace("max_drop: 2pp", "max_dorp: 2%").replace("prediction: int8", "predicton: int8"))
    result = project.runpytest_subprocess("suites/")
    assert result.ret != 0
    text = result.stdout.str()
    assert "Traceback" not in text
    result.stdout.fnmatch_lines(["*recorded.yaml:7:*predict*", "*recorded.yaml:9:*max_dorp*max_drop*"])


def test_two_suites_of_one_name_are_refused(project: pytest.Pytester) -> None:
    (project.path / "suites" / "other.yaml").write_text(SUITE)
    result = project.runpytest_subprocess("suites/")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*the suite name 'recorded' is taken by*other.yaml*"])


def test_junit_carries_the_figures(project: pytest.Pytester) -> None:
    record(project, lambda row, group: group == "b" and row < 300)
    project.runpytest_subprocess("suites/", "--junitxml=junit.xml")
    cases = ET.parse(project.path / "junit.xml").getroot().iter("testcase")
    by_name = {case.get("name"): case for case in cases}
    case = by_name["accuracy[group:b]"]
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert properties["outcome"] == "FAIL"
    assert float(properties["drop"]) == pytest.approx(0.15)
    assert case.find("failure") is not None
    assert by_name["accuracy[group:a]"].find("failure") is None


def test_the_table_and_the_reports_come_at_the_end(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("suites/")
    result.stdout.fnmatch_lines(["*suite recorded*", "*int8*accuracy*PASS*", "report: *index.html"])
    folder = project.path / "reports" / "recorded"
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "result.json", "summary.md"]


def test_quiet_says_nothing_that_was_not_wanted(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("suites/", "-qq", "--no-harness-report")
    assert len([line for line in result.stdout.lines if line.strip()]) <= 2
    assert not (project.path / "reports").exists()


def test_a_candidate_that_no_suite_has_is_refused(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("suites/", "--candidate", "int9")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "no suite has a candidate 'int9'; there are: int8" in result.stderr.str() + result.stdout.str()


def test_what_could_not_be_measured_is_said_once_and_not_for_every_segment(project: pytest.Pytester) -> None:
    suite_file(project).write_text(SUITE.replace("int8: {outputs: runs.csv", "int8: {outputs: gone.csv"))
    text = project.runpytest_subprocess("suites/", "--no-harness-report").stdout.str()
    assert "recorded::int8: 4 more items could not be measured, for the same reason" in text


def test_a_mistyped_schema_key_is_a_fault_and_not_a_file_left_alone(project: pytest.Pytester) -> None:
    suite_file(project).write_text(SUITE.replace("schema:", "shema:"))
    result = project.runpytest_subprocess("suites/")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*recorded.yaml:1:1: unknown key 'shema'*did you mean 'schema'*"])


def test_a_segmentation_that_no_check_judges_is_named(project: pytest.Pytester) -> None:
    suite_file(project).write_text(SUITE.replace(", per: [group]", ""))
    result = project.runpytest_subprocess("suites/")
    result.stdout.fnmatch_lines(["*segmentation group is declared and no check judges it*"])


@pytest.mark.parametrize("folders", [("suites", "tests"), ("tests", "suites")])
def test_pytest_run_inside_a_test_of_the_same_run_takes_nothing_away(project: pytest.Pytester, folders: tuple[str, str]) -> None:
    (project.path / "conftest.py").write_text("pytest_plugins = ['pytester']\n")
    project.mkdir("tests")
    (project.path / "tests" / "test_plugin.py").write_text(
        "def test_inner(pytester):\n"
        "    pytester.makepyfile('def test(): pass')\n"
        "    pytester.runpytest_inprocess().assert_outcomes(passed=1)\n"
    )
    result = project.runpytest_subprocess(*folders)
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["*suite recorded*", "*recorded: int8 may ship*", "report: reports/recorded/index.html"])
    assert len(json.loads((project.path / "reports" / "recorded" / "result.json").read_text())["verdicts"]) == 5


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_one_cause_is_explained_once_and_every_item_still_fails(project: pytest.Pytester, options: tuple[str, ...]) -> None:
    suite = suite_file(project)
    suite.write_text(suite.read_text().replace("prediction: int8", "prediction: int9"))
    result = project.runpytest_subprocess("suites/", "--junitxml=junit.xml", *options)
    result.assert_outcomes(errors=5)
    text = result.stdout.str()
    assert text.count("ERROR at setup of") == 1
    assert len(re.findall(r"^ERROR: .* has no column 'int9'", text, re.MULTILINE)) == 1
    result.stdout.fnmatch_lines(["recorded::int8: 4 more items could not be measured, for the same reason", "*suite recorded*"])
    assert text.count("ERROR suites/recorded.yaml::int8::accuracy") == 5
    cases = ET.parse(project.path / "junit.xml").getroot().findall("testsuite/testcase")
    assert len([case for case in cases if case.find("error") is not None]) == 5

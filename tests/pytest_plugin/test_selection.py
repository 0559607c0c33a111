"""Collection, selection and running in several processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pytest_plugin.conftest import SUITE, recording


def verdicts(project: pytest.Pytester) -> list[dict[str, object]]:
    document = json.loads((project.path / "reports" / "recorded" / "result.json").read_text())
    rows: list[dict[str, object]] = document["verdicts"]
    return sorted(rows, key=lambda row: json.dumps([row["candidate"], row["check"], row["segment"]]))


def test_other_peoples_yaml_is_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makefile(".yaml", compose="services: {web: {image: nginx}}", half="schema: 1\nname: not a suite\n")
    pytester.makefile(".yml", broken="schema: [1\nsuit")
    (pytester.path / "binary.yaml").write_bytes(bytes(range(256)) * 500)
    result = pytester.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_node_ids_are_file_candidate_check_segment(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("suites/", "--collect-only", "-q")
    result.stdout.fnmatch_lines(["suites/recorded.yaml::int8::accuracy", "suites/recorded.yaml::int8::accuracy[[]group:a[]]"])


def test_a_node_id_selects_one_item(project: pytest.Pytester) -> None:
    project.runpytest_subprocess("suites/recorded.yaml::int8::accuracy[group:a]").assert_outcomes(passed=1)


def test_k_selects_segments_and_x_stops_at_the_first_failure_and_lf_runs_it_again(project: pytest.Pytester) -> None:
    (project.path / "suites" / "runs.csv").write_text(recording(2000, lambda row, group: group in "bc" and row < 300))
    project.runpytest_subprocess("suites/", "-k", "group:a").assert_outcomes(passed=1, deselected=4)
    project.runpytest_subprocess("suites/", "-x").assert_outcomes(failed=1)
    project.runpytest_subprocess("suites/", "-p", "cacheprovider", "--lf", "-x").assert_outcomes(failed=1, deselected=4)


def test_candidate_option_leaves_the_others_out(project: pytest.Pytester) -> None:
    (project.path / "suites" / "recorded.yaml").write_text(
        SUITE.replace("checks:", "  again: {outputs: runs.csv, prediction: fp32}\nchecks:")
    )
    project.runpytest_subprocess("suites/").assert_outcomes(passed=10)
    project.runpytest_subprocess("suites/", "--candidate", "again").assert_outcomes(passed=5)


def test_two_workers_give_the_verdicts_of_one_process_and_gather_once(project: pytest.Pytester) -> None:
    (project.path / "suites" / "runs.csv").write_text(recording(2000, lambda row, group: group == "b" and row < 300))
    plain = project.runpytest_subprocess("suites/")
    alone = verdicts(project)
    parallel = project.runpytest_subprocess("suites/", "-n", "2", "--fresh")
    assert plain.ret == parallel.ret == 1
    assert verdicts(project) == alone
    document = json.loads((project.path / "reports" / "recorded" / "result.json").read_text())
    assert document["model_calls"] == 4000


def test_the_second_run_reads_evidence_and_fresh_ignores_it(project: pytest.Pytester) -> None:
    def calls(*options: str) -> object:
        project.runpytest_subprocess("suites/", *options)
        return json.loads((project.path / "reports" / "recorded" / "result.json").read_text())["model_calls"]

    assert calls() == 4000
    assert calls() == 0
    assert calls("--fresh") == 4000


def test_collecting_imports_no_model_library(project: pytest.Pytester) -> None:
    project.makeconftest(
        """
        import sys
        def pytest_collection_finish(session):
            heavy = {"torch", "onnxruntime", "matplotlib", "sklearn", "transformers", "onnx"}
            assert session.items and not heavy & set(sys.modules), heavy & set(sys.modules)
        """
    )
    project.runpytest_subprocess("suites/", "--collect-only").assert_outcomes()
    assert project.runpytest_subprocess("suites/", "--collect-only").ret == 0


def test_a_hopeless_segment_and_an_underpowered_gate_are_announced_at_collection(project: pytest.Pytester) -> None:
    (project.path / "suites" / "runs.csv").write_text(recording(300, lambda row, group: False))
    result = project.runpytest_subprocess("suites/", "--collect-only")
    result.stdout.fnmatch_lines(
        ["*with 300 examples a perfect model passes in 43 % of runs*", "*too few examples in group:a, *: a candidate passes there only if*"]
    )


def test_a_folder_without_a_project_file_works_too(pytester: pytest.Pytester) -> None:
    folder = Path(pytester.mkdir("anywhere"))
    (folder / "s.yaml").write_text(SUITE)
    (folder / "runs.csv").write_text(recording(2000, lambda row, group: False))
    pytester.runpytest_subprocess("anywhere").assert_outcomes(passed=5)
    assert (pytester.path / "reports" / "recorded" / "index.html").exists()


@pytest.mark.parametrize(
    "selection",
    [
        ("suites/", "-k", "group:a"),
        ("suites/", "--candidate", "int8"),
        ("suites/recorded.yaml::int8::accuracy[group:b]",),
        ("suites/", "-k", "group:a", "-n", "2"),
        ("suites/", "--candidate", "int8", "-n", "2"),
    ],
)
def test_a_partial_run_promises_nothing_and_leaves_the_full_report_alone(project: pytest.Pytester, selection: tuple[str, ...]) -> None:
    suite = project.path / "suites" / "recorded.yaml"
    suite.write_text(suite.read_text().replace("checks:", "  again: {outputs: runs.csv, prediction: int8}\nchecks:"))
    whole = project.runpytest_subprocess("suites/")
    whole.stdout.fnmatch_lines(["*may ship*", "report: reports/recorded/index.html"])
    folder = project.path / "reports" / "recorded"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert json.loads(before["result.json"])["partial"] is False
    result = project.runpytest_subprocess(*selection)
    assert "may ship" not in result.stdout.str()
    result.stdout.fnmatch_lines(["recorded: * (partial run)*", "report: reports/recorded/partial/index.html"])
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert json.loads((folder / "partial" / "result.json").read_text())["partial"] is True

"""`harness run`: verdicts, exit statuses, reports."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.cli.door import Door
from tests.cli.material import EACH, WRONG, linear, only, write_income, write_recorded_suite


def result(project: Path, suite: str = "recorded", folder: str = "reports") -> dict:
    return json.loads((project / folder / suite / "result.json").read_text())


def test_a_candidate_that_lost_nothing_passes(recorded: Path, harness: Door) -> None:
    said = harness("run", "--candidate", "int8")
    assert said.status == 0
    assert "recorded: int8 passes what was run (partial run)" in said.out
    assert result(recorded, "recorded/partial")["partial"] is True


def test_a_lost_segment_fails_with_its_name_and_the_reason(recorded: Path, harness: Door) -> None:
    said = harness("run")
    assert said.status == 1
    assert "FAIL int4::accuracy[language:bn]" in said.out
    # Nine of ten Bengali examples were right, and not one is.
    failed = {v["item"]: v for v in result(recorded)["verdicts"] if v["outcome"] == "FAIL" and v["segment"]}
    assert set(failed) == {"int4::accuracy[language:bn]"}
    assert (failed["int4::accuracy[language:bn]"]["lost"], failed["int4::accuracy[language:bn]"]["gained"]) == (EACH * 9 // 10, 0)


def test_reports_are_written_where_asked(recorded: Path, harness: Door) -> None:
    said = harness("run", "--report", "elsewhere")
    assert "report: elsewhere/recorded/index.html" in said.err
    assert {path.name for path in (recorded / "elsewhere" / "recorded").iterdir()} == {"index.html", "summary.md", "result.json"}
    assert not (recorded / "reports").exists()


def test_no_report(recorded: Path, harness: Door) -> None:
    harness("run", "--no-report")
    assert not (recorded / "reports").exists()


def test_a_report_folder_that_cannot_be_written(recorded: Path, harness: Door) -> None:
    (recorded / "full").write_text("a file where a folder should be")
    said = harness("run", "--candidate", "int8", "--report", "full")
    assert said.status == 2
    assert "int8 passes what was run" in said.out
    assert "no report was written" in said.err


def test_quiet_shows_only_what_blocks(recorded: Path, harness: Door) -> None:
    assert harness("run", "--quiet", "--no-report", "--candidate", "int8").out.strip() == ""
    assert harness("run", "--quiet", "--no-report", "--candidate", "int4").out.strip().startswith("FAIL int4::accuracy")


def test_a_missing_model_is_an_error_that_loses_nothing(recorded: Path, harness: Door) -> None:
    write_recorded_suite(
        recorded / "suites" / "recorded.yaml", candidates=only("int8") + "  gone: {outputs: ../gone.csv, prediction: int8}\n"
    )
    said = harness("run")
    assert said.status == 2
    assert "gone.csv" in said.out
    outcomes = {v["item"]: v["outcome"] for v in result(recorded)["verdicts"] if v["segment"] is None}
    assert outcomes == {"int8::accuracy": "PASS", "gone::accuracy": "ERROR"}


def test_a_broken_suite_is_named_and_the_others_are_judged(recorded: Path, harness: Door) -> None:
    (recorded / "suites" / "broken.yaml").write_text("schema: 1\nsuite: broken\norignal: {}\n")
    said = harness("run", "--candidate", "int8")
    assert said.status == 2
    assert "suites/broken.yaml:3:1: unknown key 'orignal' in the suite; did you mean 'original'?" in said.err.splitlines()
    assert "int8 passes what was run" in said.out


def test_two_suites_with_one_name(recorded: Path, harness: Door) -> None:
    write_recorded_suite(recorded / "suites" / "twin.yaml")
    said = harness("run")
    assert said.status == 2
    assert "the suite name 'recorded' is taken by suites/recorded.yaml" in said.err
    assert not (recorded / "reports").exists()


def test_other_yaml_is_left_alone(recorded: Path, harness: Door) -> None:
    (recorded / "suites" / "compose.yaml").write_text("services: {web: {image: nginx}}\n")
    (recorded / "suites" / ".hidden").mkdir()
    write_recorded_suite(recorded / "suites" / ".hidden" / "copy.yaml")
    assert harness("run", "--candidate", "int8").status == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "there is no file or folder nowhere"),
        (["--candidate", "int9"], "no suite has a candidate 'int9'; did you mean 'int8'?"),
    ],
)
def test_nothing_to_run(recorded: Path, harness: Door, arguments: list[str], sentence: str) -> None:
    said = harness("run", *arguments)
    assert (said.status, said.out) == (2, "")
    assert sentence in said.err


def test_no_suite_at_all(project: Path, harness: Door) -> None:
    said = harness("run")
    assert said.status == 2
    assert "there is no suite in suites" in said.err


def test_a_missing_requirement_skips_and_nothing_judged_is_no_success(
    recorded: Path, harness: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HARNESS_TEST_SECRET", raising=False)
    path = recorded / "suites" / "recorded.yaml"
    write_recorded_suite(path, extra="requires: [env:HARNESS_TEST_SECRET]\n", candidates=only("int8"))
    said = harness("run")
    assert said.status == 2
    assert "SKIPPED" in said.out
    assert "HARNESS_TEST_SECRET is not set" in said.out
    write_recorded_suite(recorded / "suites" / "other.yaml", name="other", candidates=only("int8"))
    assert harness("run").status == 0


def test_strict_fails_what_is_unproven(recorded: Path, harness: Door) -> None:
    # 400 examples per language and no flip: Tango's limit is z²/(n + z²) = 0.67pp, so 0.5pp is proven for the 1,600 (0.17pp) only.
    write_recorded_suite(recorded / "suites" / "recorded.yaml", margin="0.5pp", candidates=only("int8"))
    path = recorded / "suites" / "recorded.yaml"
    path.write_text(path.read_text().replace("per: language", "per: language, max_unproven: 100%"))
    assert harness("run").status == 0
    said = harness("run", "--strict")
    assert said.status == 1
    assert "INCONCLUSIVE int8::accuracy[language:bn]" in said.out


def test_an_announced_failure_is_no_failure_and_an_unexpected_pass_is_one(recorded: Path, harness: Door) -> None:
    expected = "expect: {accuracy: {outcome: FAIL, reason: it lost Bengali}}}\n"
    path = recorded / "suites" / "recorded.yaml"
    write_recorded_suite(path, candidates=f"  int4: {{outputs: ../runs.csv, prediction: int4, {expected}")
    assert harness("run").status == 0
    write_recorded_suite(path, candidates=f"  int8: {{outputs: ../runs.csv, prediction: int8, {expected}")
    said = harness("run")
    assert said.status == 1
    assert "it lost Bengali" in said.out


def test_models_run_once_and_again_only_when_fresh(project: Path, harness: Door) -> None:
    write_income(project)
    calls = []
    for arguments in ([], [], ["--fresh"]):
        assert harness("run", *arguments).status == 0
        calls.append(result(project, "income")["model_calls"])
    assert calls == [2_000, 0, 2_000]


def test_a_model_that_turned_round_fails(project: Path, harness: Door) -> None:
    write_income(project, WRONG)
    said = harness("run")
    assert said.status == 1
    whole = next(v for v in result(project, "income")["verdicts"] if v["segment"] is None)
    assert (whole["original_value"], whole["candidate_value"], whole["lost"]) == (1.0, 0.0, 1_000)


def test_without_original_judges_against_what_was_accepted(project: Path, harness: Door) -> None:
    write_income(project)
    assert harness("baseline", "accept", "income", "--note", "first").status == 0
    (project / "income.onnx").unlink()
    linear(project / "income.int8.onnx", WRONG)
    said = harness("run", "--without-original")
    assert said.status == 1
    linear(project / "income.int8.onnx", [[-1.0, 1.0], [-1.0, 1.001]])
    assert harness("run", "--without-original").status == 0


def test_without_original_needs_a_baseline(project: Path, harness: Door) -> None:
    write_income(project)
    said = harness("run", "--without-original")
    assert said.status == 2
    assert "baseline" in said.out


def test_inside_the_folder_of_suites(recorded: Path, harness: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recorded / "suites")
    harness("run")
    assert (recorded / "reports" / "recorded" / "result.json").is_file()


def test_beside_the_folder_of_suites_it_says_where_that_is(recorded: Path, harness: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    (recorded / "models").mkdir()
    monkeypatch.chdir(recorded / "models")
    said = harness("run")
    assert said.status == 2
    assert f"there is one in {recorded}: harness run {recorded / 'suites'}" in said.err


def test_the_report_is_named_from_here(recorded: Path, harness: Door) -> None:
    assert "report: reports/recorded/index.html" in harness("run").err.splitlines()


def test_a_partial_run_leaves_the_full_report_alone(recorded: Path, harness: Door) -> None:
    harness("run")
    folder = recorded / "reports" / "recorded"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    said = harness("run", "--candidate", "int8")
    assert "report: reports/recorded/partial/index.html" in said.err.splitlines()
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert {path.name for path in (folder / "partial").iterdir()} == set(before)
    assert "(partial run)" in (folder / "partial" / "summary.md").read_text().splitlines()[0]
    # Both are in the history.
    with sqlite3.connect(recorded / "reports" / "history.sqlite") as history:
        assert [count for (count,) in history.execute("SELECT count(*) FROM history GROUP BY run ORDER BY started, count(*) DESC")] == [
            10,
            5,
        ]
    assert harness("report", "recorded", "--open").out.strip().endswith("reports/recorded/index.html")
    again = harness("report").out
    assert again.count("report: reports/recorded/index.html") == 1
    (folder / "partial" / "index.html").unlink()
    assert "partial run of" in harness("report", "reports/recorded/partial/result.json").out
    assert (folder / "partial" / "index.html").is_file()


def test_before_the_first_full_run_the_partial_report_is_the_latest(recorded: Path, harness: Door) -> None:
    harness("run", "--candidate", "int8")
    assert not (recorded / "reports" / "recorded" / "index.html").exists()
    assert harness("report", "recorded", "--open").out.strip().endswith("reports/recorded/partial/index.html")


def test_all_candidates_by_name_are_a_full_run(recorded: Path, harness: Door) -> None:
    said = harness("run", "--candidate", "int8", "--candidate", "int4")
    assert "partial" not in said.out + said.err
    assert result(recorded)["partial"] is False


def test_one_cause_is_explained_once(recorded: Path, harness: Door) -> None:
    path = recorded / "suites" / "recorded.yaml"
    path.write_text(path.read_text().replace("prediction: int8", "prediction: int9"))
    said = harness("run", "--candidate", "int8")
    assert said.status == 2
    assert said.out.count("ERROR int8::accuracy") == 1
    assert "has no column 'int9'; did you mean 'int8'?\n  the same holds for 4 other items of int8\n" in said.out
    assert "more verdict" not in said.out

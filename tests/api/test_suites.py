"""`load_suite`, `run`, `judge`, `accept`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.api import accept, judge, load_suite, run
from harness.core.outcome import Outcome
from harness.errors import BaselineError, SuiteError, UsageError
from tests.cli.material import only, write_income, write_recorded_suite, write_recording


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "suites").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def recorded(project: Path) -> Path:
    write_recording(project / "runs.csv")
    write_recorded_suite(project / "suites" / "recorded.yaml")
    return project / "suites" / "recorded.yaml"


def test_run_a_path_or_a_suite(recorded: Path) -> None:
    for suite in (recorded, str(recorded), load_suite(recorded)):
        record = run(suite)
        outcomes = {verdict.item_name: verdict.outcome for verdict in record.verdicts}
        assert outcomes["int8::accuracy"] is Outcome.PASS
        assert outcomes["int4::accuracy[language:bn]"] is Outcome.FAIL
    assert not (recorded.parents[1] / "reports").exists()


def test_only_some_candidates(recorded: Path) -> None:
    assert {verdict.candidate for verdict in run(recorded, candidates="int8").verdicts} == {"int8"}
    assert run(recorded, candidates=["int8"]).partial
    assert not run(recorded, candidates=["int8", "int4"]).partial
    assert not run(recorded).partial
    with pytest.raises(UsageError, match="no candidate 'int9'"):
        run(recorded, candidates="int9")


def test_a_wrong_suite_tells_every_fault(project: Path) -> None:
    (project / "x.yaml").write_text("schema: 1\nsuite: x\nmodels: {}\n")
    with pytest.raises(SuiteError) as caught:
        load_suite("x.yaml")
    assert len(caught.value.faults) > 1


def test_models_run_once(project: Path) -> None:
    suite = write_income(project)
    assert run(suite).model_calls == 2_000
    assert run(suite).model_calls == 0
    assert run(suite, fresh=True).model_calls == 2_000


def test_judge_runs_nothing(project: Path) -> None:
    suite = write_income(project)
    before = judge(suite)
    assert {verdict.outcome for verdict in before.verdicts} == {Outcome.ERROR}
    assert "harness run" in before.verdicts[0].reason
    run(suite)
    after = judge(suite)
    assert after.model_calls == 0
    assert after.verdicts[0].outcome is Outcome.PASS


def test_evidence_goes_to_the_project_that_is_named(project: Path) -> None:
    suite = write_income(project)
    run(suite, project=project / "elsewhere")
    assert (project / "elsewhere" / ".harness" / "evidence").is_dir()
    assert not (project / ".harness").exists()


def test_a_missing_requirement_is_skipped(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_TEST_SECRET", raising=False)
    write_recorded_suite(recorded, extra="requires: [env:HARNESS_TEST_SECRET]\n")
    record = run(recorded)
    assert {verdict.outcome for verdict in record.verdicts} == {Outcome.SKIPPED}
    assert "HARNESS_TEST_SECRET" in record.verdicts[0].reason
    with pytest.raises(BaselineError, match="cannot be accepted here"):
        accept(recorded, note="n", who="Ada")


def test_what_was_wrong_with_evidence_is_a_warning_of_the_record(project: Path) -> None:
    suite = write_income(project)
    run(suite)
    part = next((project / ".harness" / "evidence").glob("*/part-*.parquet"))
    part.write_bytes(part.read_bytes()[:-10])
    record = run(suite)
    assert record.verdicts[0].outcome is Outcome.PASS
    assert any("damaged" in warning for warning in record.warnings)


def test_accept_writes_all_or_nothing(recorded: Path) -> None:
    project = recorded.parents[1]
    with pytest.raises(BaselineError, match="int4 is not fit"):
        accept(recorded, note="n", who="Ada")
    assert not (project / "baselines").exists()
    (done,) = accept(recorded, note="first", who="Ada", candidates="int8", when="2026-01-02T03:04:05+00:00")
    document = json.loads((project / "baselines" / "recorded" / "int8.json").read_text())
    assert document["accepted"]["when"] == "2026-01-02T03:04:05+00:00"
    assert done.left_out is False
    assert 0 < done.outcomes_bytes < 20_000


def test_a_second_acceptance_keeps_the_golden_one(recorded: Path) -> None:
    write_recorded_suite(recorded, candidates=only("int8"))
    accept(recorded, note="first", who="Ada")
    (second,) = accept(recorded, note="second", who="Bob")
    assert (second.baseline.golden.note, second.baseline.accepted.note) == ("first", "second")
    (third,) = accept(recorded, note="third", who="Cyd", golden=True)
    assert third.baseline.golden.note == "third"
    assert [entry.note for entry in third.baseline.history] == ["first", "second", "third"]

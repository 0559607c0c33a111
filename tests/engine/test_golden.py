"""Golden outcomes: what they may be compared with, and that they are pinned anew only when a person says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.arrays.baseline import Baseline
from harness.core.outcome import Outcome
from harness.errors import BaselineError
from harness.store.baselines import FileBaselines
from tests.engine.test_baselines import REQUEST, ROWS, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def edit(project: Project, *changes: tuple[str, str]) -> None:
    path = project.folder / "suite.yaml"
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def baseline(project: Project) -> Baseline:
    found = FileBaselines(project.folder / "baselines").load("recorded", "int8")
    assert found is not None
    return found


def outcomes_file(project: Project) -> Path:
    return project.folder / "baselines" / "recorded" / "int8.parquet"


def another_target(project: Project) -> None:
    """A second column of truth, from the first one's labels."""
    lines = (project.folder / "data.csv").read_text().splitlines()
    other = [f"{line},{'no' if number % 2 else 'yes'}" for number, line in enumerate(lines[1:])]
    (project.folder / "data.csv").write_text("\n".join([f"{lines[0]},other", *other]) + "\n")


def test_outcomes_about_another_target_are_not_compared(project: Project) -> None:
    another_target(project)
    project.accept()
    edit(project, ("target: label", "target: other"))
    drift = project.session().verdicts("int8", "drift")[0]
    assert drift.outcome is Outcome.ERROR
    for check in ("accuracy", "macro"):
        without = project.session(without_original=True).verdicts("int8", check)[0]
        assert without.outcome is Outcome.INVALID
        assert '"target": "label"' in without.reason
        assert '"target": "other"' in without.reason
        assert "--golden" in without.reason


def test_a_baseline_that_says_nothing_of_its_target_is_not_compared(project: Project) -> None:
    project.accept()
    path = project.folder / "baselines" / "recorded" / "int8.json"
    path.write_text(path.read_text().replace(', \\"target\\": \\"label\\"', ""))
    assert project.session().verdicts("int8", "drift")[0].outcome is Outcome.ERROR
    with pytest.raises(BaselineError, match=r"accuracy measures otherwise than the golden baseline .*--golden"):
        project.accept()
    project.accept(replace(REQUEST, golden=True, note="says of which target"))
    assert project.session().verdicts("int8", "drift")[0].outcome is Outcome.PASS


def test_golden_outcomes_that_are_gone_are_an_error_and_not_pinned_anew_silently(project: Project) -> None:
    project.accept()
    outcomes_file(project).unlink()
    project.answers("candidate", lambda row: row % 20 != 0 and row % 25 != 1)  # 4 points worse than what was accepted
    edit(project, ("accuracy: {metric: accuracy, max_drop: 2pp", "accuracy: {metric: accuracy, max_drop: 9pp"))
    edit(project, ("max_drop: 2pp}", "max_drop: 9pp}"))
    drift = project.session().verdicts("int8", "drift")[0]
    assert drift.outcome is Outcome.ERROR
    assert drift.blocks
    assert ".parquet" in drift.reason
    assert "--golden" in drift.reason
    for override in ("", "whatever it is"):
        with pytest.raises(BaselineError, match=r"golden outcomes of accuracy are not there.*--golden"):
            project.accept(replace(REQUEST, override=override))
    assert baseline(project).accepted.note == "first"
    project.accept(replace(REQUEST, golden=True, note="second"))
    found = baseline(project)
    assert (found.golden.note, found.accepted.note) == ("second", "second")
    assert project.session().verdicts("int8", "drift")[0].outcome is Outcome.PASS


def test_outcomes_that_were_too_large_to_keep_are_gone_too(project: Project) -> None:
    project.accept()
    FileBaselines(project.folder / "baselines").save(replace(baseline(project), outcomes=None))
    assert project.session().verdicts("int8", "drift")[0].outcome is Outcome.ERROR
    with pytest.raises(BaselineError, match="--golden"):
        project.accept()


def test_drift_of_a_check_that_was_not_there_when_accepted_is_skipped(project: Project) -> None:
    edit(project, ("  drift: {check: accuracy, max_drop: 1pp}\n", ""))
    project.accept()
    path = project.folder / "suite.yaml"
    path.write_text(path.read_text() + "  exact: {metric: exact_match, max_drop: 2pp}\n  drift: {check: exact, max_drop: 1pp}\n")
    found = project.session().verdicts("int8", "drift")[0]
    assert found.outcome is Outcome.SKIPPED
    project.accept(replace(REQUEST, note="second"))
    assert baseline(project).golden.note == "first"


def test_drift_without_a_baseline_of_its_own_is_skipped_without_the_original(project: Project) -> None:
    project.accept()
    edit(project, ("checks:", "  int4: {outputs: candidate.csv, prediction: answer}\nchecks:"))
    (project.folder / "original.csv").unlink()
    assert project.session(without_original=True).verdicts("int4", "drift")[0].outcome is Outcome.SKIPPED


@pytest.mark.parametrize("override", ["", "it is all the same"])
def test_another_measure_asks_for_golden(project: Project, override: str) -> None:
    project.accept()
    edit(project, ("macro: {metric: {f1: macro}", "macro: {metric: {f1: weighted}"))
    with pytest.raises(BaselineError, match=r"macro measures otherwise than the golden baseline .*--golden"):
        project.accept(replace(REQUEST, override=override))
    project.accept(replace(REQUEST, golden=True, note="second"))
    assert baseline(project).golden.note == "second"


def test_a_check_that_was_away_meanwhile_is_still_known_by_its_measure(project: Project) -> None:
    """Accepted without it and put back by another measure, its golden outcomes would be read as those of the new one."""
    project.accept()
    macro = "  macro: {metric: {f1: macro}, max_drop: 2pp}\n"
    edit(project, (macro, ""))
    project.accept(replace(REQUEST, note="second"))
    assert baseline(project).golden.note == "first"
    edit(project, ("  drift:", "  macro: {metric: {f1: weighted}, max_drop: 2pp}\n  drift:"))
    with pytest.raises(BaselineError, match="--golden"):
        project.accept(replace(REQUEST, note="third"))
    edit(project, ("{f1: weighted}", "{f1: macro}"))
    project.accept(replace(REQUEST, note="third"))
    assert baseline(project).golden.note == "first"


def test_golden_does_not_excuse_a_drift_that_was_judged(project: Project) -> None:
    project.accept()
    edit(project, ("max_drop: 2pp", "max_drop: 9pp"))
    project.answers("candidate", lambda row: row % 20 != 0 and row % 25 != 1)
    with pytest.raises(BaselineError, match="int8::drift: FAIL"):
        project.accept(replace(REQUEST, golden=True))


@pytest.mark.parametrize("golden", [False, True])
def test_a_candidate_that_does_not_answer_is_not_fit(project: Project, golden: bool) -> None:
    project.accept()
    (project.folder / "candidate.csv").unlink()
    with pytest.raises(BaselineError, match=r"int8 is not fit to be accepted: int8::accuracy: ERROR"):
        project.accept(replace(REQUEST, golden=golden))


def test_new_data_is_accepted_with_golden_alone(project: Project) -> None:
    project.accept()
    (project.folder / "data.csv").write_text((project.folder / "data.csv").read_text().replace("r7,b", "r7,a"))
    project.accept(replace(REQUEST, golden=True, note="second"))
    assert baseline(project).golden.note == "second"
    assert "int8::drift" not in baseline(project).golden.outcomes, "what could not be judged was not accepted"


def test_edges_frozen_by_another_rule_are_not_used(project: Project) -> None:
    project.accept()
    assert {item.segment.value for item in project.session().items() if item.segment and item.segment.segmentation == "size"} == {
        "..1000",
        "1000..",
    }
    edit(project, ("size: {column: size, quantiles: 2}", "size: {column: size, quantiles: 4}"))
    session = project.session()
    items = {item.name: session.verdict(item) for item in session.items() if item.check == "accuracy" and item.segment}
    found = {name.partition("size:")[2].rstrip("]"): verdict for name, verdict in items.items() if "size:" in name}
    assert found.keys() == {"..500", "500..1000", "1000..1500", "1500..", "..1000", "1000.."}
    assert found["500..1000"].outcome is Outcome.PASS
    for lost in ("..1000", "1000.."):
        assert found[lost].outcome is Outcome.ERROR
        assert "'size' was cut by 2 quantiles of 'size' there and is cut by 4 quantiles of 'size' today" in found[lost].reason
    with pytest.raises(BaselineError, match=r"2 quantiles of .size..*--override"):
        project.accept()
    project.accept(replace(REQUEST, override="finer bins"))
    accepted = baseline(project)
    assert accepted.edges["test"]["size"] == (500.0, 1000.0, 1500.0)
    assert accepted.edge_rules["test"]["size"] == "4 quantiles of 'size'"
    assert all(verdict.outcome is Outcome.PASS for verdict in project.session().verdicts("int8", "accuracy"))


def test_edges_of_another_column_are_not_used(project: Project) -> None:
    """The old edges would cut the new column all the same, into one bin."""
    lines = (project.folder / "data.csv").read_text().splitlines()
    wider = [f"{line},{10_000 + number}" for number, line in enumerate(lines[1:])]
    (project.folder / "data.csv").write_text("\n".join([f"{lines[0]},width", *wider]) + "\n")
    project.accept()
    edit(project, ("size: {column: size, quantiles: 2}", "size: {column: width, quantiles: 2}"))
    sizes = {item.segment.value: item.size for item in project.session().items() if item.segment and item.segment.segmentation == "size"}
    assert sizes == {"..11000": ROWS // 2, "11000..": ROWS // 2, "..1000": 0, "1000..": 0}


def test_edges_whose_rule_was_not_kept_are_not_used(project: Project) -> None:
    project.accept()
    FileBaselines(project.folder / "baselines").save(replace(baseline(project), edge_rules={}))
    lines = (project.folder / "data.csv").read_text().splitlines()
    grown = [lines[0], *(f"{line.rpartition(',')[0]},{int(line.rpartition(',')[2]) + 500}" for line in lines[1:])]
    (project.folder / "data.csv").write_text("\n".join(grown) + "\n")
    verdicts = {
        v.segment.value: v for v in project.session().verdicts("int8", "accuracy") if v.segment and v.segment.segmentation == "size"
    }
    assert verdicts["..1500"].outcome is Outcome.PASS
    assert "a rule that was not kept" in verdicts["..1000"].reason


def test_bins_of_another_rule_are_lost_to_products_too(project: Project) -> None:
    edit(project, ("quantiles: 2}}", "quantiles: 2}, both: [group, size]}"), ("per: [group, size]", "per: [group, both]"))
    project.accept()
    edit(project, ("quantiles: 2}", "quantiles: 4}"))
    verdicts = {v.segment.label: v for v in project.session().verdicts("int8", "accuracy") if v.segment}
    assert "2 quantiles of 'size'" in verdicts["group:a,size:..1000"].reason
    assert verdicts["group:a"].outcome is Outcome.PASS

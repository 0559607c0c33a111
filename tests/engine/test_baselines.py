"""Accepting a baseline, drifting from it, and judging against it without the original."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness import wiring
from harness.core.outcome import Outcome
from harness.core.run import RunRecord
from harness.engine.accept import Request, accept
from harness.engine.session import Session
from harness.engine.tools import Options
from harness.errors import BaselineError
from harness.store.baselines import FileBaselines

SUITE = """\
schema: 1
suite: recorded
original: {outputs: original.csv, prediction: answer}
data:
  test: {source: data.csv, id: id, target: label, segments: {group: group, size: {column: size, quantiles: 2}}}
candidates:
  int8: {outputs: candidate.csv, prediction: answer}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp, per: [group, size]}
  macro: {metric: {f1: macro}, max_drop: 2pp}
  drift: {check: accuracy, max_drop: 1pp}
"""
ROWS = 2000
REQUEST = Request(who="tester", when="2026-01-01T00:00:00+00:00", note="first")


class Project:
    """A suite over recordings, whose answers each test writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "pyproject.toml").touch()
        (folder / "suite.yaml").write_text(SUITE)
        self.data(ROWS)
        self.answers("original", lambda row: row % 20 != 0)
        self.answers("candidate", lambda row: row % 20 != 0)

    def data(self, rows: int) -> None:
        lines = [f"r{i},{'ab'[i % 2]},{'yes' if i % 3 else 'no'},{i}" for i in range(rows)]
        (self.folder / "data.csv").write_text("\n".join(["id,group,label,size", *lines]) + "\n")

    def answers(self, name: str, right: Callable[[int], bool]) -> None:
        lines = [f"r{i},{('yes' if i % 3 else 'no') if right(i) else ('no' if i % 3 else 'yes')}" for i in range(ROWS)]
        (self.folder / f"{name}.csv").write_text("\n".join(["id,answer", *lines]) + "\n")

    def session(self, **options: bool) -> Session:
        suite = wiring.load(self.folder / "suite.yaml")
        return wiring.session(suite, wiring.find_project(suite.path, self.folder), Options(run_id="test", **options))  # type: ignore[arg-type]

    def accept(self, request: Request = REQUEST) -> None:
        FileBaselines(self.folder / "baselines").save(accept(self.session(), "int8", request))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_run_writes_no_baseline_and_accept_does(project: Project) -> None:
    project.session().verdicts("int8", "accuracy")
    assert not (project.folder / "baselines").exists()
    project.accept()
    found = FileBaselines(project.folder / "baselines").load("recorded", "int8")
    assert found is not None
    assert found.accepted.who == "tester"
    assert set(found.segments["accuracy"]) >= {"group:a", "group:b"}
    assert (project.folder / "baselines" / "recorded" / "int8.parquet").stat().st_size < 20_000


def test_without_original_gives_the_verdicts_of_a_run_with_it(project: Project) -> None:
    project.answers("candidate", lambda row: row % 20 != 0 and row % 301 != 1)
    project.accept()
    with_it = project.session()
    expected = {check: with_it.verdicts("int8", check) for check in ("accuracy", "macro")}
    (project.folder / "original.csv").unlink()
    without = project.session(without_original=True)
    for check, verdicts in expected.items():
        found = without.verdicts("int8", check)
        assert [replace(v, worst_examples=()) for v in found] == [replace(v, worst_examples=()) for v in verdicts]


def test_without_original_refuses_other_data(project: Project) -> None:
    project.accept()
    lines = (project.folder / "data.csv").read_text().replace("r7,b", "r7,a")
    (project.folder / "data.csv").write_text(lines)
    verdict = project.session(without_original=True).verdicts("int8", "accuracy")[0]
    assert verdict.outcome is Outcome.INVALID
    assert "other data" in verdict.reason


def test_without_original_and_without_baseline_is_an_error(project: Project) -> None:
    assert project.session(without_original=True).verdicts("int8", "accuracy")[0].outcome is Outcome.ERROR


def test_accept_refuses_what_blocks_unless_it_is_overridden(project: Project) -> None:
    project.answers("candidate", lambda row: row % 5 != 0)
    with pytest.raises(BaselineError, match="not fit to be accepted"):
        project.accept()
    project.accept(replace(REQUEST, override="we ship it anyway"))
    found = FileBaselines(project.folder / "baselines").load("recorded", "int8")
    assert found is not None
    assert found.accepted.overridden == "we ship it anyway"


def test_drift_is_skipped_without_a_baseline_and_sees_a_loss_against_golden(project: Project) -> None:
    assert project.session().verdicts("int8", "drift")[0].outcome is Outcome.SKIPPED
    project.accept()
    assert project.session().verdicts("int8", "drift")[0].outcome is Outcome.PASS
    project.answers("candidate", lambda row: row % 20 != 0 and row % 25 != 1)
    found = project.session().verdicts("int8", "drift")[0]
    assert found.outcome is Outcome.FAIL
    assert found.comparison is not None
    assert found.comparison.lost == ROWS // 25


def test_many_small_accepted_steps_are_caught_by_the_golden_baseline(project: Project) -> None:
    """Each night loses six more examples (0.3 points): against golden the budget of one point is soon spent."""
    project.accept()
    outcomes = []
    for night in range(1, 9):
        project.answers("candidate", lambda row, lost=6 * night: row % 20 != 0 and not (row % 7 == 3 and row // 7 < lost))  # type: ignore[misc]
        outcomes.append(project.session().verdicts("int8", "drift")[0].outcome)
        if outcomes[-1] is Outcome.FAIL:
            break
        project.accept(replace(REQUEST, override=f"night {night}"))
    assert outcomes[0] is Outcome.PASS
    assert outcomes[-1] is Outcome.FAIL


def test_drift_is_measured_against_golden_and_not_against_the_original_or_the_last_accepted(project: Project) -> None:
    """10 lost when golden was pinned, 16 when last accepted, 24 tonight, each among the next: 14 since golden, 8 since then."""

    def lose(count: int) -> None:
        project.answers("candidate", lambda row: row % 20 != 0 and not (row % 20 == 7 and row // 20 < count))

    for count in (10, 16):
        lose(count)
        project.accept(replace(REQUEST, override=f"{count} lost"))
    lose(24)
    session = project.session()
    found = session.verdicts("int8", "drift")[0]
    assert found.comparison is not None
    assert (found.comparison.gained, found.comparison.lost) == (0, 14)
    golden, _, last = found.reason.partition("against the last accepted one")
    assert "14 lost" in golden
    assert "8 lost" in last
    original = session.verdicts("int8", "accuracy")[0].comparison
    assert original is not None
    assert original.lost == 24


def test_a_segment_of_the_baseline_that_vanished_is_an_error(project: Project) -> None:
    project.accept()
    lines = (project.folder / "data.csv").read_text().replace(",b,", ",a,")
    (project.folder / "data.csv").write_text(lines)
    session = project.session()
    items = {item.name: item for item in session.items()}
    gone = session.verdict(items["int8::accuracy[group:b]"])
    assert gone.outcome is Outcome.ERROR
    assert "stands in the accepted baseline and is not in the data" in gone.reason


def test_quantile_edges_freeze_into_the_baseline(project: Project) -> None:
    project.accept()
    before = {item.name for item in project.session().items() if item.segment and item.segment.segmentation == "size"}
    lines = (project.folder / "data.csv").read_text().splitlines()
    grown = [lines[0], *(f"{line.rpartition(',')[0]},{int(line.rpartition(',')[2]) + 500}" for line in lines[1:])]
    (project.folder / "data.csv").write_text("\n".join(grown) + "\n")
    after = {item.name for item in project.session().items() if item.segment and item.segment.segmentation == "size"}
    assert after == before


def test_a_damaged_baseline_says_what_to_do(project: Project) -> None:
    project.accept()
    (project.folder / "baselines" / "recorded" / "int8.json").write_text('{"format": 1}')
    with pytest.raises(BaselineError, match="restore it from version control"):
        project.session().baseline("int8")


def test_models_judged_since_the_last_accept_are_counted(project: Project) -> None:
    project.accept()
    for night in range(3):
        project.answers("candidate", lambda row, night=night: row % 20 != 0 and row != night)  # type: ignore[misc]
        session = project.session()
        session.verdicts("int8", "drift")
        run = RunRecord(f"night {night}", f"2026-01-0{night + 2}T00:00:00+00:00", (session.record(),))
        wiring.report(run, project.folder / "reports", {"recorded": session})
    again = project.session().verdicts("int8", "drift")[0]
    assert "models judged since the last accept: 3" in again.reason


def test_the_planner_takes_the_flip_rate_of_the_accepted_state(project: Project) -> None:
    before = project.session().items()[0].power
    assert before is not None
    assert before.assumed_flip_rate == 0.05
    project.answers("candidate", lambda row: (row % 20 != 0 and row % 200 != 1) or row % 400 == 0)  # 10 lost, 5 gained
    project.accept()
    after = project.session().items()[0].power
    assert after is not None
    assert after.assumed_flip_rate == pytest.approx((2 * 5 + 1) / (ROWS + 2))


def test_small_segments_and_leftovers_do_not_have_to_stand(project: Project) -> None:
    suite = (project.folder / "suite.yaml").read_text()
    merged = suite.replace("segments: {group: group,", "segments: {group: {column: group, min_examples: 100, otherwise: merge},")
    (project.folder / "suite.yaml").write_text(merged)
    lines = (project.folder / "data.csv").read_text().replace("r1,b", "r1,rare").replace("r3,b", "r3,rarer")
    (project.folder / "data.csv").write_text(lines)
    project.accept()
    found = FileBaselines(project.folder / "baselines").load("recorded", "int8")
    assert found is not None
    assert {label for label in found.segments["accuracy"] if label.startswith("group")} == {"group:a", "group:b"}
    assert all(verdict.outcome is not Outcome.ERROR for verdict in project.session().verdicts("int8", "accuracy"))


def test_a_new_candidate_is_judged_against_what_another_keeps_of_the_original(project: Project) -> None:
    project.accept()
    suite = (project.folder / "suite.yaml").read_text()
    (project.folder / "suite.yaml").write_text(suite.replace("checks:", "  int4: {outputs: candidate.csv, prediction: answer}\nchecks:"))
    (project.folder / "original.csv").unlink()
    verdict = project.session(without_original=True).verdicts("int4", "accuracy")[0]
    assert verdict.outcome is Outcome.PASS


def test_outcomes_of_another_metric_are_not_compared(project: Project) -> None:
    project.accept()
    suite = (project.folder / "suite.yaml").read_text()
    (project.folder / "suite.yaml").write_text(suite.replace("{metric: accuracy,", "{metric: exact_match,"))
    for verdict in (
        project.session(without_original=True).verdicts("int8", "accuracy")[0],
        project.session().verdicts("int8", "drift")[0],
    ):
        assert verdict.outcome in (Outcome.INVALID, Outcome.ERROR)
        assert "another measure" in verdict.reason


def test_stored_codes_are_read_with_the_labels_of_the_model_they_come_from(project: Project) -> None:
    suite = (project.folder / "suite.yaml").read_text()
    ordered = suite.replace(
        "original: {outputs: original.csv, prediction: answer}",
        "original: {outputs: original.csv, prediction: answer, output: {type: label, task: multiclass, labels: ['yes', 'no']}}",
    ).replace(
        "int8: {outputs: candidate.csv, prediction: answer}",
        "int8: {outputs: candidate.csv, prediction: answer, output: {type: label, task: multiclass, labels: ['no', 'yes']}}",
    )
    assert ordered != suite
    (project.folder / "suite.yaml").write_text(ordered)
    project.accept()
    with_it = project.session().verdicts("int8", "macro")[0].comparison
    without = project.session(without_original=True).verdicts("int8", "macro")[0].comparison
    assert with_it is not None
    assert without is not None
    assert without.original.value == pytest.approx(with_it.original.value)
    assert without.drop.value == pytest.approx(0.0)


def test_an_added_check_does_not_pin_golden_anew_and_new_data_asks_for_it(project: Project) -> None:
    project.accept()
    suite = (project.folder / "suite.yaml").read_text()
    (project.folder / "suite.yaml").write_text(suite + "  more: {metric: exact_match, max_drop: 3pp}\n")
    project.accept(replace(REQUEST, note="second"))
    found = FileBaselines(project.folder / "baselines").load("recorded", "int8")
    assert found is not None
    assert (found.golden.note, found.accepted.note) == ("first", "second")
    (project.folder / "data.csv").write_text((project.folder / "data.csv").read_text().replace("r7,b", "r7,a"))
    with pytest.raises(BaselineError, match="--golden"):
        project.accept(replace(REQUEST, override="drift cannot be measured"))
    project.accept(replace(REQUEST, override="new data", golden=True))

"""`harness baseline accept | show | diff`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from harness.store import baselines as stored_baselines
from tests.cli.door import Door
from tests.cli.material import EACH, only, write_recorded_suite, write_recording


def baseline(project: Path, candidate: str = "int8") -> dict:
    return json.loads((project / "baselines" / "recorded" / f"{candidate}.json").read_text())


def test_accept_says_who_when_and_why(recorded: Path, harness: Door) -> None:
    said = harness("baseline", "accept", "recorded", "--candidate", "int8", "--who", "Ada", "--note", "first release")
    assert said.status == 0
    assert "accepted recorded/int8 by Ada" in said.out
    assert "baselines/recorded/int8.parquet" in said.out
    accepted = baseline(recorded)["accepted"]
    assert (accepted["who"], accepted["note"]) == ("Ada", "first release")
    assert accepted["when"].endswith("+00:00")
    assert accepted["drops"]["int8::accuracy"] == 0.0
    assert not (recorded / "baselines" / "recorded" / "int4.json").exists()


def test_a_run_writes_no_baseline(recorded: Path, harness: Door) -> None:
    harness("run")
    assert not (recorded / "baselines").exists()


def test_who_is_git_s_user(recorded: Path, harness: Door) -> None:
    subprocess.run(["git", "init", "-q"], check=True, cwd=recorded)
    subprocess.run(["git", "config", "user.name", "Grace Hopper"], check=True, cwd=recorded)
    assert harness("baseline", "accept", "recorded", "--candidate", "int8", "--note", "n").status == 0
    assert baseline(recorded)["accepted"]["who"] == "Grace Hopper"


def test_what_blocks_is_refused_whole(recorded: Path, harness: Door) -> None:
    said = harness("baseline", "accept", "recorded", "--note", "all of them")
    assert said.status == 2
    assert "int4 is not fit to be accepted: int4::accuracy: FAIL" in said.err
    # int8 comes first and is fit: half an acceptance is none.
    assert not (recorded / "baselines").exists()


def test_an_override_says_why(recorded: Path, harness: Door) -> None:
    said = harness("baseline", "accept", "recorded", "--candidate", "int4", "--note", "n", "--override", "Bengali ships later")
    assert said.status == 0
    assert baseline(recorded, "int4")["accepted"]["overridden"] == "Bengali ships later"
    assert "overridden: Bengali ships later" in harness("baseline", "show", "recorded").out


def test_a_note_is_needed(recorded: Path, harness: Door) -> None:
    assert "needs a note" in harness("baseline", "accept", "recorded", "--note", " ").err


def test_outcomes_above_the_limit_are_left_out_and_said(recorded: Path, harness: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.api.accepting.LARGEST_OUTCOMES", 10)
    said = harness("baseline", "accept", "recorded", "--candidate", "int8", "--note", "n")
    assert "docs/ci.md" in said.out
    assert not (recorded / "baselines" / "recorded" / "int8.parquet").exists()
    assert "per-example outcomes: not kept" in harness("baseline", "show", "recorded").out
    assert stored_baselines.LARGEST_OUTCOMES > 10


def test_accepted_once_and_twice(recorded: Path, harness: Door) -> None:
    for times in ("once", "2 times"):
        assert harness("baseline", "accept", "recorded", "--candidate", "int8", "--note", "n").status == 0
        assert f"accepted {times}; data of" in harness("baseline", "show", "recorded").out


def test_it_is_refused_for_the_gravest_verdict(recorded: Path, harness: Door) -> None:
    # 360 of 1,600 answers lost are 22.5pp: neither proven within 23pp nor outside it; of Bengali everything is lost.
    path = recorded / "suites" / "recorded.yaml"
    write_recorded_suite(path, margin="23pp", candidates=only("int4"))
    said = harness("baseline", "accept", "recorded", "--note", "n")
    assert "int4 is not fit to be accepted: int4::accuracy[language:bn]: FAIL" in said.err


def test_show_before_anything_was_accepted(recorded: Path, harness: Door) -> None:
    said = harness("baseline", "show", "recorded")
    assert said.status == 2
    assert "nothing of suite recorded was accepted yet" in said.err


def test_diff_names_what_moved_first(recorded: Path, harness: Door) -> None:
    write_recorded_suite(recorded / "suites" / "recorded.yaml", candidates=only("int8"))
    harness("baseline", "accept", "recorded", "--note", "n")
    write_recording(recorded / "runs.csv")
    text = (recorded / "runs.csv").read_text().splitlines()
    # int8 now also misses 40 German examples it had right: 10pp of the 400.
    lost = [f"de-{number}" for number in range(EACH) if number % 10][:40]
    changed = [",".join([*line.split(",")[:4], "mr", line.split(",")[5]]) if line.split(",")[0] in lost else line for line in text]
    (recorded / "runs.csv").write_text("\n".join(changed) + "\n")
    harness("run")
    said = harness("baseline", "diff", "recorded")
    assert said.status == 0
    rows = [line.split() for line in said.out.splitlines() if "::" in line]
    assert rows[0][:4] == ["int8::accuracy[language:de]", "0.00pp", "10.00pp", "+10.00pp"]
    assert rows[1][:4] == ["int8::accuracy", "0.00pp", "2.50pp", "+2.50pp"]
    assert len(rows) == 2
    assert "3 other items did not move" in said.out


def test_diff_from_stored_evidence(recorded: Path, harness: Door) -> None:
    harness("baseline", "accept", "recorded", "--candidate", "int8", "--note", "n")
    said = harness("baseline", "diff", "recorded")
    assert said.status == 0
    assert "→ stored evidence" in said.out


def test_diff_where_nothing_moved_is_one_line(recorded: Path, harness: Door) -> None:
    harness("baseline", "accept", "recorded", "--candidate", "int8", "--note", "n")
    harness("run")
    said = harness("baseline", "diff", "recorded")
    assert "nothing moved, in 5 items" in said.out
    assert "::" not in said.out


def test_diff_does_not_call_gone_what_a_partial_run_left_out(recorded: Path, harness: Door) -> None:
    for candidate in ("int8", "int4"):
        harness("baseline", "accept", "recorded", "--candidate", candidate, "--note", "n", "--override", "known")
    harness("run", "--candidate", "int8")
    said = harness("baseline", "diff", "recorded")
    assert "nothing moved, in 5 items" in said.out
    assert "not in the latest run, which was partial: 5 items" in said.out
    assert "gone" not in said.out


def test_diff_says_that_a_newer_run_of_some_items_is_not_compared(recorded: Path, harness: Door) -> None:
    harness("baseline", "accept", "recorded", "--candidate", "int8", "--note", "n")
    harness("run")
    assert "newer run" not in harness("baseline", "diff", "recorded").out
    harness("run", "--candidate", "int8")
    said = " ".join(harness("baseline", "diff", "recorded").out.split())
    assert "; a newer run of some of its items is not compared: run the whole suite" in said


def test_diff_tells_what_vanished(recorded: Path, harness: Door) -> None:
    harness("baseline", "accept", "recorded", "--candidate", "int8", "--note", "n")
    path = recorded / "suites" / "recorded.yaml"
    path.write_text(path.read_text().replace(", per: language", ""))
    harness("run")
    rows = [line.split() for line in harness("baseline", "diff", "recorded").out.splitlines() if "::" in line]
    assert rows[0] == ["int8::accuracy[language:bn]", "0.00pp", "–", "–", "PASS", "gone"]

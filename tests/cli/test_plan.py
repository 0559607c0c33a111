"""`harness plan`: published figures of the planner, and the cost, through the door."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.cli.door import Door
from tests.cli.material import write_income

SUITE = """schema: 1
suite: sized
original: {outputs: ../sized.csv, prediction: fp32}
data:
  test: {source: ../sized.csv, id: id, target: label, segments: {group: group}}
candidates:
  int8: {outputs: ../sized.csv, prediction: int8}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp, segments: {group: {critical: [big]}}}
"""


def write_sized(project: Path, groups: dict[str, int]) -> None:
    with (project / "sized.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label", "group", "fp32", "int8"])
        for group, size in groups.items():
            writer.writerows([f"{group}{row}", "a" if row % 2 else "b", group, "a", "a"] for row in range(size))
    (project / "suites" / "sized.yaml").write_text(SUITE)


@pytest.mark.parametrize(("n", "power", "provable"), [(300, 0.43, 3.5), (1_000, 0.87, 1.9), (3_000, 0.999, 1.1)])
def test_the_power_table_at_5_percent_flips(project: Path, harness: Door, n: int, power: float, provable: float) -> None:
    write_sized(project, {"big": n})
    whole = json.loads(harness("plan", "--json").out)["suites"][0]["items"][0]
    assert whole["n"] == n
    assert whole["power"] == pytest.approx(power, abs=0.005)
    assert whole["provable"] * 100 == pytest.approx(provable, abs=0.1)
    # About 837 examples prove 2pp at 5 % flips with a probability of 80 %.
    assert (whole["needed"], whole["missing"]) == (837, max(837 - n, 0))


def test_what_needs_a_gain_to_pass_is_said(project: Path, harness: Door) -> None:
    # 133 examples without a flip are the fewest that prove 2pp.
    write_sized(project, {"big": 133, "small": 132})
    items = {str(item["segment"]): item for item in json.loads(harness("plan", "--json").out)["suites"][0]["items"]}
    assert items["{'group': 'big'}"]["can_pass"] is True
    assert items["{'group': 'big'}"]["critical"] is True
    assert items["{'group': 'small'}"]["can_pass"] is False
    said = harness("plan")
    assert said.status == 0
    assert "group: 2 segments, 1 need a gain" in said.out
    assert "group:small" in said.out


def test_every_segment_on_request(project: Path, harness: Door) -> None:
    write_sized(project, {"big": 500, "small": 100})
    lines = [" ".join(line.split()) for line in harness("plan", "--segments").out.splitlines()]
    assert any(line.startswith("accuracy group:big (critical) 500") for line in lines)
    assert any(line.startswith("accuracy group:small, needs a gain 100") for line in lines)


def test_the_cost_before_and_after_a_run(project: Path, harness: Door) -> None:
    write_income(project)
    cost = json.loads(harness("plan", "--json").out)["suites"][0]["cost"]
    assert cost["model_calls"] == 2_000
    assert [(task["model"], task["calls"], task["stored"]) for task in cost["tasks"]] == [("original", 1_000, 0), ("int8", 1_000, 0)]
    assert not (project / ".harness" / "evidence").exists()
    harness("run")
    assert json.loads(harness("plan", "--json").out)["suites"][0]["cost"]["model_calls"] == 0
    assert "0 model calls; 2,000 are stored already" in harness("plan").out


def test_a_noise_floor_and_a_footprint_cost_too(project: Path, harness: Door) -> None:
    suite = write_income(project)
    suite.write_text(suite.read_text() + "  agreement: {max_kl: 0.1}\n  footprint: {max_size: 1MB}\n")
    cost = json.loads(harness("plan", "--json").out)["suites"][0]["cost"]
    # Both models on all 1,000 examples, and the original once more.
    assert cost["model_calls"] == 3_000
    assert cost["weighed"] == ["original", "int8"]
    harness("run")
    assert json.loads(harness("plan", "--json").out)["suites"][0]["cost"]["model_calls"] == 0


def test_recorded_outputs_cost_nothing(recorded: Path, harness: Door) -> None:
    said = harness("plan")
    assert "0 model calls" in said.out
    assert "recorded, so no model is run: original, int8, int4" in said.out


def test_a_wrong_suite(recorded: Path, harness: Door) -> None:
    (recorded / "suites" / "broken.yaml").write_text("schema: 1\nsuite: broken\n")
    said = harness("plan")
    assert said.status == 2
    assert "suites/broken.yaml:1:1" in said.err
    assert "suite recorded" in said.out


def test_a_model_file_that_is_not_there(project: Path, harness: Door) -> None:
    write_income(project)
    (project / "income.int8.onnx").unlink()
    said = harness("plan")
    assert said.status == 2
    assert "ERROR int8: " in said.out
    assert "income.int8.onnx" in said.out
    document = json.loads(harness("plan", "--json").out)
    assert len(document["suites"][0]["errors"]) == 1


def test_what_is_shown_as_provable_can_be_proved(project: Path, harness: Door) -> None:
    write_sized(project, {"big": 1_000})
    exact = json.loads(harness("plan", "--json").out)["suites"][0]["items"][0]["provable"] * 100
    said = harness("plan").out
    header = next(line for line in said.splitlines() if "provable" in line)
    assert header.split()[-3:] == ["needs", "in", "all"]
    row = next(line for line in said.splitlines() if "the whole" in line)
    shown = float(row.split()[-3].removesuffix("pp"))
    assert exact <= shown < exact + 0.1


def test_needs_is_a_total_for_the_flips_that_are_named(project: Path, harness: Door) -> None:
    write_sized(project, {"big": 300, "small": 100})
    said = harness("plan", "--segments").out
    rows = [line.split() for line in said.splitlines() if line.strip().startswith("accuracy")]
    # About 837 examples prove 2pp at 5 % flips, however many there are already.
    assert {row[-1] for row in rows} == {"837"}
    assert "note: accuracy: for a candidate that loses nothing and changes 5 % of the answers" in said


def test_nothing_can_never_pass_and_pass_in_a_tenth_of_the_runs(project: Path, harness: Door) -> None:
    """100 examples prove 2pp only if more is gained than lost; with 5 % flips a model that loses nothing is as lucky at times."""
    write_sized(project, {"big": 300, "small": 100})
    found = json.loads(harness("plan", "--json").out)["suites"][0]
    small = next(item for item in found["items"] if item["segment"] == {"group": "small"})
    assert small["can_pass"] is False
    assert small["power"] > 0.05
    said = harness("plan", "--segments").out
    assert "never" not in said
    assert "group:small, needs a gain" in said
    assert "a candidate passes there only if it gains more answers than it loses" in said


def test_one_segment_is_one(project: Path, harness: Door) -> None:
    write_sized(project, {"big": 300})
    assert "group: 1 segment " in " ".join(harness("plan").out.split()) + " "


def test_clustered_examples_are_planned_by_their_clusters(project: Path, harness: Door) -> None:
    """3,000 rows in 300 clusters, taken to flip as one: what 300 examples prove. Of segments the clusters are not known."""
    write_sized(project, {"big": 3_000})
    path = project / "sized.csv"
    header, *lines = path.read_text().splitlines()
    path.write_text("\n".join([header + ",page", *(f"{line},{row // 10}" for row, line in enumerate(lines))]) + "\n")
    suite = project / "suites" / "sized.yaml"
    suite.write_text(suite.read_text().replace("target: label,", "target: label, cluster_by: page,"))
    for _ in range(2):  # the second time from what is remembered
        found = json.loads(harness("plan", "--json").out)["suites"][0]
        whole = found["items"][0]
        assert (whole["n"], whole["clusters"]) == (3_000, 300)
        assert whole["power"] == pytest.approx(0.43, abs=0.005)
    assert any("with 3,000 examples in 300 clusters a perfect model passes in 43 %" in note for note in found["notes"])
    assert any("how many clusters a segment holds is not known" in note for note in found["notes"])
    assert "the whole, in 300 clusters" in harness("plan").out

"""What `harness init` makes of segments: their margins, which are proposed, and why others are not."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from harness.cli.init.margin import margin_for_answers
from harness.cli.init.parts import Part
from tests.cli.door import Door

RACES = {"White": 6_997, "Black": 1_000, "Asian": 300, "Amer": 80, "Other": 59}
COMMAND = ("init", "--outputs", "runs.csv", "--original-column", "fp32", "--target", "label", "--id", "id", "-y")


def write_runs(path: Path, sizes: dict[str, int], lost: dict[str, int], column: str = "race") -> None:
    """`same` answers as the original, `lost` is wrong on so many rows of a group."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", column, "label", "fp32", "same", "lost"])
        for group, size in sizes.items():
            for row in range(size):
                truth, wrong = "no" if row % 2 else "yes", "yes" if row % 2 else "no"
                writer.writerow([f"{group}-{row}", group, truth, truth, truth, wrong if row < lost.get(group, 0) else truth])


def outcomes(project: Path) -> dict[str, str]:
    verdicts = json.loads((project / "reports" / "runs" / "result.json").read_text())["verdicts"]
    return {"".join((verdict["segment"] or {"": "whole"}).values()): verdict["outcome"] for verdict in verdicts}


def test_a_small_segment_does_not_loosen_the_large_ones(project: Path, harness: Door) -> None:
    write_runs(project / "runs.csv", RACES, {"White": 301})  # 4.3 points
    assert harness(*COMMAND, "--candidate-column", "lost", "--segment", "race").status == 0
    assert "# the smallest, Other, has 59 examples" in (project / "suites" / "runs.yaml").read_text()
    assert harness("run").status == 1
    found = outcomes(project)
    assert found["White"] == "FAIL"
    assert found["Other"] == "INCONCLUSIVE"


def test_small_segments_warn_and_do_not_block(project: Path, harness: Door) -> None:
    write_runs(project / "runs.csv", RACES, {})
    assert harness(*COMMAND, "--candidate-column", "same", "--segment", "race").status == 0
    assert harness("run").status == 0
    found = outcomes(project)
    assert (found["whole"], found["White"], found["Other"]) == ("PASS", "PASS", "INCONCLUSIVE")


def test_a_small_segment_that_is_lost_is_seen(project: Path, harness: Door) -> None:
    write_runs(project / "runs.csv", RACES, {"Other": 20})
    assert harness(*COMMAND, "--candidate-column", "lost", "--segment", "race").status == 0
    assert harness("run").status == 1
    assert outcomes(project)["Other"] == "FAIL"


def test_a_handful_of_examples_each_is_put_together(project: Path, harness: Door) -> None:
    sizes = {"large": 600, **{f"tiny{number}": 5 for number in range(20)}}
    write_runs(project / "runs.csv", sizes, {}, column="town")
    assert harness(*COMMAND, "--candidate-column", "same", "--segment", "town").status == 0
    assert "town: {column: town, min_examples: 30, otherwise: merge}" in (project / "suites" / "runs.yaml").read_text()
    assert harness("run").status == 0
    assert set(outcomes(project)) == {"whole", "large", "(other)"}


@pytest.mark.parametrize(
    ("sizes", "margin", "unproven"),
    [
        ((300,) * 12, "3.5pp", None),  # all alike: what 300 prove at 5 % flips (published: 3.5)
        ((59, 8_000), None, None),  # most examples lie in a segment that proves what the whole proves
        ((59, 80, 300, 1_000, 6_997), None, "80%"),
    ],
)
def test_the_typical_segment_sets_the_margin(sizes: tuple[int, ...], margin: str | None, unproven: str | None) -> None:
    found = margin_for_answers(sum(sizes), {"x": tuple(Part(str(size), size) for size in sizes)})
    assert found.segments["x"].max_drop == margin
    assert found.max_unproven == unproven
    assert found.segments["x"].smallest.size == min(sizes)


def test_it_says_why_a_column_of_few_values_is_not_proposed(project: Path, harness: Door) -> None:
    with (project / "runs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label", "fp32", "int8", "sex", "office", "work", "grade"])
        for row in range(600):
            answer = "ab"[row % 2]
            work = "rare" if row == 0 else "common"
            writer.writerow([row, answer, answer, answer, ("f", "m")[row % 2], f"office {row % 20}", work, row % 5])
    said = harness(*COMMAND, "--candidate-column", "int8")
    assert said.status == 0, said.err
    for column, why in (("office", "more than 12 values"), ("work", "the rarest value has fewer than 30 examples"), ("grade", "numbers")):
        assert f"not proposed as segments: {column} ({why})" in said.err
    assert "sex: sex" in (project / "suites" / "runs.yaml").read_text()

"""Empty cells that an input needs: the row is lost to both models alike, and whether that matters is for a rule to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.door import Door
from tests.cli.material import write_income

ROWS = 1_000


def empty(project: Path, rows: int) -> None:
    """The first rows of the income suite's people lose their age."""
    path = project / "people.csv"
    header, *lines = path.read_text().splitlines()
    for row in range(rows):
        name, _, rest = lines[row].split(",", 2)
        lines[row] = f"{name},,{rest}"
    path.write_text("\n".join([header, *lines]) + "\n")


def test_a_gap_counts_as_wrong_and_is_named(project: Path, harness: Door) -> None:
    suite = write_income(project)
    empty(project, 1)
    said = harness("run", suite)
    assert said.status == 0
    assert "PASS" in said.out
    assert "raised an error on 1 example (p0: column 'age' has no value there" in " ".join(said.err.split())


def test_more_gaps_than_one_in_a_thousand_are_invalid(project: Path, harness: Door) -> None:
    suite = write_income(project)
    empty(project, 2)
    said = harness("run", suite)
    assert said.status == 2
    words = " ".join(said.out.split())
    assert "INVALID" in words
    assert "raised an error on 2 examples (p0, p1: column 'age' has no value there" in words


@pytest.mark.parametrize(("rows", "status"), [(1, 0), (2, 2)])
def test_init_says_what_gaps_do(project: Path, harness: Door, rows: int, status: int) -> None:
    """What it says of one gap and of two in a thousand rows is what its suite then does."""
    write_income(project).unlink()
    empty(project, rows)
    said = harness("init", "income.onnx", "income.int8.onnx", "people.csv", "--yes", "--target", "income", "--name", "made")
    assert said.status == 0, said.err
    words = " ".join((project / "suites" / "made.yaml").read_text().replace("#", "").split())
    assert "age has gaps: both models fail on such a row, which counts as wrong" in words
    assert "where more than 0.1 % of the rows are concerned, nothing can be judged" in words
    assert harness("run", project / "suites" / "made.yaml").status == status

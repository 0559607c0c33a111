"""What docs/data.md shows works, through the suite's door."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.core.suite import DataSpec
from harness.spec import load_suite
from harness.wiring.registers import registers
from tests.data.helpers import opener, write

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
REST = """
schema: 1
suite: shown
original: {outputs: runs.csv, prediction: fp32}
candidates:
  int8: {outputs: runs.csv, prediction: int8}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp}
"""
ROWS = "id,sentiment,author,language,text,age,speakers,script\n" + "".join(
    f"r{n},{'up' if n % 2 else 'down'},a{n % 3},{'bn' if n % 2 else ''},{'word ' * n},{n * 10},{10**n},{'Beng' if n % 2 else 'Latn'}\n"
    for n in range(1, 9)
)


def load(root: Path, data: str) -> DataSpec:
    (root / "suite.yaml").write_text(REST + data)
    return load_suite(root / "suite.yaml", registers(), {}).data["test"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "reviews.csv.gz", ROWS)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "labels.txt").write_text("a b c")
    (tmp_path / "prep.py").write_text("def rows():\n    for name in open('raw/labels.txt').read().split():\n        yield {'id': name}\n")
    (tmp_path / "runs.csv").write_text("id,fp32,int8\n")
    return tmp_path


@pytest.mark.parametrize(("number", "count"), [(0, 8), (1, 3)])
def test_the_data_sets_shown_open(root: Path, number: int, count: int) -> None:
    block = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[number]
    assert len(opener(root).open(load(root, block), root)) == count


def test_the_segments_shown_are_those_described(root: Path) -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Segments")[2]
    written = [cell for cell in re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE) if cell != "written"]
    assert len(written) == 6
    named = [re.sub(r"^(\w+):", rf"s{number}_\1:", line) for number, line in enumerate(written)]
    named[-1] = "s5_both: [s0_language, s3_length]"
    lines = "".join(f"      {line}\n" for line in named)
    found = (
        opener(root)
        .open(load(root, f"data:\n  test:\n    source: reviews.csv.gz\n    id: id\n    segments:\n{lines}"), root)
        .segmentations()
    )
    labels = [[segment.values[-1][1] for segment in each.segments] for each in found]
    assert labels[0] == ["bn", "(missing)"]
    assert labels[1] == ["..25", "25..45", "45..65", "65.."]
    assert found[2].sizes().tolist() == [2, 2, 2, 2]
    assert labels[3] == ["0..10"]
    assert labels[4] == ["yes"]
    assert found[4].sizes().tolist() == [3]
    assert labels[5] == ["0..10", "0..10"]


@pytest.mark.parametrize("source", ["source: a.csv", "sklearn: digits", "python: prep:rows", "hf: name"])
def test_every_kind_of_source_shown_can_be_written(root: Path, source: str) -> None:
    assert f"| `{source}` |" in PAGE.read_text(encoding="utf-8")
    declared = load(root, f"data:\n  test:\n    {source}\n    id: id\n")
    kind, _, value = source.partition(": ")
    assert declared.kind == ("file" if kind == "source" else kind)
    assert value in declared.parameters.model_dump().values()  # type: ignore[attr-defined]  # Parameters

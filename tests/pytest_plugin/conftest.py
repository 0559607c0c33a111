"""A project with one recorded suite, of which every test changes what it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

SUITE = """\
schema: 1
suite: recorded
original: {outputs: runs.csv, prediction: fp32}
data:
  test: {source: runs.csv, id: id, target: label, segments: {group: group}}
candidates:
  int8: {outputs: runs.csv, prediction: int8}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp, per: [group]}
"""


def recording(rows: int, lost: Callable[[int, str], bool], groups: Sequence[str] = ("a", "b", "c", "d")) -> str:
    """A csv in which fp32 is always right and int8 loses the rows that `lost(row, group)` names."""
    lines = ["id,group,label,fp32,int8"]
    for row in range(rows):
        group = groups[row % len(groups)]
        lines.append(f"r{row},{group},yes,yes,{'no' if lost(row, group) else 'yes'}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """suites/recorded.yaml over 2,000 rows without a loss."""
    pytester.makefile(".toml", pyproject="")
    folder = Path(pytester.mkdir("suites"))
    (folder / "recorded.yaml").write_text(SUITE)
    (folder / "runs.csv").write_text(recording(2000, lambda row, group: False))
    return pytester

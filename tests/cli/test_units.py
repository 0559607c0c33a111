"""Stored drops as commands write them: like every report."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import wiring
from harness.cli.units import Units

SUITE = """schema: 1
suite: s
original: {outputs: a.csv, prediction: x}
candidates: {int8: {outputs: a.csv, prediction: y}}
data: {test: {source: a.csv, target: t}}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp}
  loss: {metric: log_loss, max_drop: 0.05}
"""


@pytest.mark.parametrize(
    ("item", "value", "expected"),
    [
        ("int8::accuracy", -0.0002, "−0.02pp"),
        ("int8::accuracy[a:b]", 0.0388, "+3.88pp"),
        ("int8::accuracy", -0.0, "+0.00pp"),
        ("int8::loss", -0.02, "−0.02"),
        ("int8::loss", None, "–"),
    ],
)
def test_a_drop_has_a_true_minus_sign(tmp_path: Path, item: str, value: float | None, expected: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SUITE)
    assert Units(wiring.load(path))(item, value, sign=True) == expected

"""docs/metrics.md lists exactly the metrics there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.metrics.builtin import METRICS
from harness.metrics.metric import MeanMetric

from .build import metric

DOCS = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


def _rows() -> dict[str, list[str]]:
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| name |"))
    rows = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        name, *rest = [cell.strip() for cell in line.strip("|").replace(r"\|", "¦").split("|")]
        rows[name.strip("`")] = rest
    return rows


def test_exactly_these_metrics_in_this_order():
    assert list(_rows()) == [kind.name for kind in METRICS]


@pytest.mark.parametrize("kind", METRICS, ids=[kind.name for kind in METRICS])
def test_every_row_is_true(kind):
    parameters, _, direction, sort, unit = _rows()[kind.name]
    for name in kind.parameters.model_fields:
        assert f"`{name}`" in parameters
    assert parameters.count("`") == 2 * len(kind.parameters.model_fields)
    if kind.name == "python":
        return
    required = {name: 1 for name, field in kind.parameters.model_fields.items() if field.is_required()}
    made = metric(kind.name, **required)
    assert direction == made.info.direction
    assert sort.split(",")[0] == ("mean" if isinstance(made, MeanMetric) else "whole")
    assert ("right or wrong" in sort) == made.info.binary
    assert ("pp" in unit) == made.info.share

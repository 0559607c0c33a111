"""How long the report of 10,000 verdicts takes, against writing its `result.json` alone. Nothing here is asserted of a duration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.report import write_reports
from tests.report.builders import large_record, run_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("how", ["all reports", "json.dumps of the result alone"])
def test_ten_thousand_verdicts(benchmark: BenchmarkFixture, tmp_path: Path, how: str) -> None:
    run = run_of(large_record(10_000))
    write_reports(run, tmp_path)
    (written,) = tmp_path.glob("*/result.json")
    document = json.loads(written.read_text(encoding="utf-8"))
    assert len(document["verdicts"]) == 10_000
    if how == "all reports":
        benchmark.pedantic(lambda: write_reports(run, tmp_path), rounds=2)
    else:
        benchmark.pedantic(lambda: json.dumps(document, indent=2), rounds=2)

"""How long judging takes, at a million recorded rows and 200 segments, and how long collection takes at 10,000 items.

Printed with n; the machine decides the numbers, so nothing here is asserted but that the work was done.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness import wiring
from harness.engine.session import Session
from harness.engine.tools import Options

ROWS, SEGMENTS = 1_000_000, 200

pytestmark = pytest.mark.slow


def write_suite(folder: Path, rows: int, segments: int, name: str) -> None:
    """A recorded suite whose candidate changes two answers in a hundred."""
    rng = np.random.default_rng(0)
    truth, segment = rng.integers(0, 20, rows), rng.integers(0, segments, rows)
    original = np.where(rng.random(rows) < 0.9, truth, rng.integers(0, 20, rows))
    candidate = np.where(rng.random(rows) < 0.02, rng.integers(0, 20, rows), original)
    labels = np.array([f"label {i:02d}" for i in range(20)])
    names = np.array([f"segment {i:05d}" for i in range(segments)])
    ids = pa.array([f"row {i}" for i in range(rows)])
    columns = {"id": ids, "segment": names[segment], "label": labels[truth], "fp32": labels[original], "int8": labels[candidate]}
    pq.write_table(pa.table(columns), folder / "runs.parquet")
    (folder / "pyproject.toml").touch()
    (folder / "suite.yaml").write_text(
        f"schema: 1\nsuite: {name}\noriginal: {{outputs: runs.parquet, prediction: fp32}}\n"
        "data: {test: {source: runs.parquet, id: id, target: label, segments: {segment: segment}}}\n"
        "candidates: {int8: {outputs: runs.parquet, prediction: int8}}\n"
        "checks: {accuracy: {metric: accuracy, max_drop: 2pp, per: [segment]}}\n"
    )


def open_session(folder: Path) -> Session:
    suite = wiring.load(folder / "suite.yaml")
    return wiring.session(suite, wiring.find_project(suite.path, folder), Options(run_id="benchmark"))


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("million")
    write_suite(folder, ROWS, SEGMENTS, "million")
    return folder


def test_judging_a_million_rows_in_200_segments(benchmark: BenchmarkFixture, million: Path) -> None:
    """The judgement alone, evidence in memory."""
    session = open_session(million)
    material = session.material("int8", "accuracy")
    verdicts = benchmark.pedantic(session.checks["accuracy"].judge, args=(material,), rounds=3)
    assert len(verdicts) == SEGMENTS + 1


def test_a_million_rows_end_to_end_from_parquet(million: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """pytest in a process of its own, nothing cached: seconds and peak memory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "suite.yaml", "--fresh"], cwd=million, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in (0, 1), done.stdout
    verdicts = json.loads((million / "reports" / "million" / "result.json").read_text())["verdicts"]
    assert len(verdicts) == SEGMENTS + 1
    assert sum(verdict["n"] for verdict in verdicts if verdict["segment"]) == ROWS
    assert {verdict["outcome"] for verdict in verdicts} <= {"PASS", "FAIL", "INCONCLUSIVE"}
    seconds = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    with capsys.disabled():
        print(f"\n1,000,000 rows x 200 segments end to end: {seconds:.1f} s of CPU, peak {after.ru_maxrss / 1024:.0f} MB")


def test_collecting_10_000_items_warm(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """All items of a suite with 10,000 segments, the index remembered on disk."""
    write_suite(tmp_path, 200_000, 10_000, "many")
    open_session(tmp_path).items()
    items = benchmark.pedantic(lambda: open_session(tmp_path).items(), rounds=3)
    assert len(items) == 10_001

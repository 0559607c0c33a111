"""Timings as pytest-benchmark keeps them, read by the real pytest-benchmark."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.ports.benchmarks import Benchmark
from harness.report.benchmark_file import BenchmarkFolder, statistics

RANDOM = np.random.default_rng(0)


def benchmarks(factor: float = 1.0) -> list[Benchmark]:
    seconds = RANDOM.lognormal(-7, 0.1, 400)
    return [
        Benchmark("s: int8, batch 1", f"{name}[batch 1]", f"s::int8::latency::{name}[batch 1]", seconds * speed, {"model": name})
        for name, speed in (("original", 1.0), ("int8", factor))
    ]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "300"},
    )


def files(project: Path) -> list[Path]:
    return sorted((project / ".benchmarks").glob("*/*.json"))


def test_the_real_pytest_benchmark_lists_and_compares_them(tmp_path: Path) -> None:
    pytest.importorskip("pytest_benchmark")
    BenchmarkFolder(tmp_path).write(benchmarks(0.5))
    BenchmarkFolder(tmp_path).write(benchmarks(0.6))
    listed = run(tmp_path, "list")
    assert listed.returncode == 0, listed.stderr
    assert len(listed.stdout.splitlines()) == 2
    compared = run(tmp_path, "compare", "--columns=min,median,iqr,ops,rounds", "--name=long")
    assert compared.returncode == 0, compared.stderr
    assert "s: int8, batch 1" in compared.stdout
    for name in ("original", "int8"):
        assert f"s::int8::latency::{name}[batch 1]" in compared.stdout
    table = tmp_path / "table.csv"
    assert run(tmp_path, "compare", "0002", f"--csv={table}").returncode == 0
    assert "median" in table.read_text()


def test_the_histogram_works(tmp_path: Path) -> None:
    pytest.importorskip("pygal")
    BenchmarkFolder(tmp_path).write(benchmarks(0.5))
    assert run(tmp_path, "compare", "--histogram=plot").returncode == 0
    assert list(tmp_path.glob("plot*.svg"))


def test_names_and_places_are_pytest_benchmarks_own(tmp_path: Path) -> None:
    for _ in range(3):
        BenchmarkFolder(tmp_path).write(benchmarks())
    assert [path.name[:4] for path in files(tmp_path)] == ["0001", "0002", "0003"]
    assert all(re.fullmatch(r"\d{4}_unversioned_\d{8}_\d{6}\.json", path.name) for path in files(tmp_path))
    python = ".".join(platform.python_version_tuple()[:2])
    assert files(tmp_path)[0].parent.name.startswith(f"{platform.system()}-{platform.python_implementation()}-{python}-")


def test_its_own_files_and_ours_stand_beside_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pytest_benchmark")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # it measures nothing where it believes to be one of several workers
    (tmp_path / "test_mine.py").write_text("def test_sum(benchmark):\n    assert benchmark(sum, [1, 2, 3]) == 6\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--benchmark-autosave",
        "--benchmark-max-time=0.05",
        "test_mine.py",
    ]
    BenchmarkFolder(tmp_path).write(benchmarks())
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0
    BenchmarkFolder(tmp_path).write(benchmarks())
    assert [path.name[:4] for path in files(tmp_path)] == ["0001", "0002", "0003"]
    assert len({path.parent for path in files(tmp_path)}) == 1
    own, mine = (json.loads(files(tmp_path)[index].read_text()) for index in (1, 0))
    assert set(own) == set(mine)
    assert set(own["benchmarks"][0]) == set(mine["benchmarks"][0])
    assert set(own["benchmarks"][0]["stats"]) == set(mine["benchmarks"][0]["stats"])
    assert set(own["commit_info"]) == set(mine["commit_info"])
    assert set(own["machine_info"]) == set(mine["machine_info"])


@given(st.lists(st.floats(1e-6, 10), min_size=1, max_size=60))
def test_the_statistics_are_pytest_benchmarks(values: list[float]) -> None:
    """Its own definitions are the reference (read here, not used by the harness)."""
    stats = pytest.importorskip("pytest_benchmark.stats").Stats()
    for value in values:
        stats.update(value)
    expected, found = stats.as_dict(), statistics(np.array(values))
    for name in set(expected) - {"outliers", "stddev_outliers", "iqr_outliers", "ld15iqr", "hd15iqr"}:
        assert found[name] == pytest.approx(expected[name], rel=1e-9, abs=1e-12), name


def test_the_commit_is_named(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", *arguments], cwd=tmp_path, check=True, capture_output=True
        )

    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-qm", "first")
    BenchmarkFolder(tmp_path).write(benchmarks())
    (tmp_path / "a").write_text("2")
    BenchmarkFolder(tmp_path).write(benchmarks())
    clean, dirty = (json.loads(path.read_text())["commit_info"] for path in files(tmp_path))
    assert len(clean["id"]) == 40
    assert (clean["dirty"], dirty["dirty"]) == (False, True)
    assert files(tmp_path)[1].name.endswith("_uncommited-changes.json")


def test_a_folder_that_cannot_be_written_costs_the_file_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / ".benchmarks").write_text("a file")
    BenchmarkFolder(tmp_path).write(benchmarks())
    assert "could not be written for pytest-benchmark" in caplog.text

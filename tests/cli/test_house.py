"""`harness doctor` and `harness clean`."""

from __future__ import annotations

import os
import re
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from harness.cli.cleaning import parse_age
from harness.errors import UsageError
from tests.cli.door import Door
from tests.cli.material import write_income


def test_the_doctor_tells_what_is_here(project: Path, harness: Door) -> None:
    said = harness("doctor")
    assert said.status == 0
    assert f"onnxruntime {version('onnxruntime')}" in said.out
    assert "CPUExecutionProvider" in said.out
    assert re.search(r"started in \d+\.\d+ s", said.out)
    metrics = next(line for line in said.out.splitlines() if line.strip().startswith("metrics:"))
    assert {"accuracy", "auroc", "f1"} <= set(metrics.replace(",", " ").split())


def test_the_doctor_finds_a_store_that_cannot_be_read(project: Path, harness: Door) -> None:
    (project / ".harness").mkdir()
    (project / ".harness" / "evidence").mkdir()
    (project / ".harness" / "index").symlink_to(project / ".harness" / "index")
    said = harness("doctor")
    assert said.status in (0, 1)
    (project / ".harness" / "index").unlink()
    assert harness("doctor").status == 0


def test_the_doctor_notices_that_no_worker_can_start(project: Path, harness: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(project / "no-python"))
    said = harness("doctor")
    assert said.status == 1
    assert "trouble: a worker process cannot be started" in said.out


def test_clean_shows_what_lies_there_and_removes_nothing(project: Path, harness: Door) -> None:
    write_income(project)
    harness("run", "--no-report")
    said = harness("clean")
    assert said.status == 0
    row = next(line.split() for line in said.out.splitlines() if line.strip().startswith("evidence"))
    assert row[4] == "2"
    assert "income: int8 on test, clean" in harness("clean", "--list").out
    assert harness("judge").status == 0


def test_clean_all_frees_everything_and_a_dry_run_nothing(project: Path, harness: Door) -> None:
    write_income(project)
    harness("run", "--no-report")
    would = harness("clean", "--all", "--dry-run")
    assert would.status == 0
    assert harness("judge", "--no-report").status == 0
    did = harness("clean", "--all")
    assert did.out == would.out.replace("would free", "freed")
    assert "freed 0 B in 0 items" in harness("clean", "--all").out
    assert harness("judge", "--no-report").status == 2


def test_only_what_is_old_goes(project: Path, harness: Door) -> None:
    write_income(project)
    harness("run", "--no-report")
    old = time.time() - 40 * 86_400
    entry = sorted((project / ".harness" / "evidence").glob("*/key.json"))[0]
    os.utime(entry, (old, old))
    assert harness("clean", "--older-than", "30d").status == 0
    left = sorted((project / ".harness" / "evidence").glob("*/key.json"))
    assert len(left) == 1
    assert entry not in left


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 2_592_000), ("30", 2_592_000), ("12h", 43_200), ("90min", 5_400), ("2w", 1_209_600), ("1.5 h", 5_400)]
)
def test_ages(text: str, seconds: float) -> None:
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "-3d", "3 months"])
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(UsageError, match="write for instance 30d"):
        parse_age(text)


def test_all_and_an_age_exclude_each_other(project: Path, harness: Door) -> None:
    assert harness("clean", "--all", "--older-than", "3d").status == 2

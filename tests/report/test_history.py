from __future__ import annotations

import multiprocessing
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.estimate import Estimate
from harness.core.run import SuiteRecord
from harness.errors import StoreError
from harness.report.history import append, trend
from tests.report.builders import compared, judged, languages_record, run_of

WHOLE = judged("int8", "accuracy", None, compared(30, 20, 4000))


def record(drop: float) -> SuiteRecord:
    comparison = replace(compared(30, 20, 4000), drop=Estimate(drop, drop - 0.01, drop + 0.01))
    return SuiteRecord("languages", "", "x.yaml", (replace(WHOLE, comparison=comparison),))


def test_a_trend_is_what_the_runs_found_oldest_first(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history.sqlite"
    for day, drop in ((3, 0.03), (1, 0.01), (2, 0.02)):
        append(path, run_of(record(drop), run=f"r{day}", started=f"2031-05-0{day}T00:00:00Z"))
    points = trend(path, "languages", WHOLE)
    assert [(point.run, point.drop, point.low, point.margin, point.outcome) for point in points] == [
        ("r1", 0.01, 0.0, 0.02, "PASS"),
        ("r2", 0.02, 0.01, 0.02, "PASS"),
        ("r3", 0.03, pytest.approx(0.02), 0.02, "PASS"),
    ]
    assert [point.run for point in trend(path, "languages", WHOLE, last=2)] == ["r2", "r3"]
    assert [point.run for point in trend(path, "languages", WHOLE, until="2031-05-02T00:00:00Z")] == ["r1", "r2"]
    assert trend(path, "other", WHOLE) == ()
    assert trend(path, "languages", replace(WHOLE, candidate="int4")) == ()


def test_the_same_run_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    append(path, run_of(record(0.01)))
    append(path, run_of(record(0.04)))
    assert [point.drop for point in trend(path, "languages", WHOLE)] == [0.04]


def test_every_verdict_is_kept_and_can_be_read_by_anyone(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    whole = languages_record()
    append(path, run_of(whole))
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute('SELECT run, suite, candidate, "check", segment, "drop", low, high, outcome FROM history').fetchall()
    assert len(rows) == len(whole.verdicts)
    bengali = next(v for v in whole.verdicts if v.item_name == "int4::accuracy[language:bn]")
    assert bengali.comparison is not None
    drop = bengali.comparison.drop
    run = run_of(whole).id
    assert (run, "languages", "int4", "accuracy", "language:bn", drop.value, drop.low, drop.high, "FAIL") in rows
    assert (run, "languages", "int2", "drift", "", None, None, None, "SKIPPED") in rows


def test_there_is_no_history_before_the_first_run(tmp_path: Path) -> None:
    assert trend(tmp_path / "history.sqlite", "languages", WHOLE) == ()
    assert list(tmp_path.iterdir()) == []


def _write(path: Path, writer: int) -> None:
    for i in range(5):
        append(path, run_of(record(0.01), run=f"{writer}-{i}", started=f"2031-05-02T00:0{writer}:0{i}Z"))


def test_several_processes_may_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(path, writer)) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    assert len(trend(path, "languages", WHOLE)) == 20


def test_a_file_that_is_no_history_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    path.write_bytes(b"not a database, and long enough to be looked at" * 50)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="move it away"):
        append(path, run_of(record(0.01)))
    with pytest.raises(StoreError, match="move it away"):
        trend(path, "languages", WHOLE)
    assert path.read_bytes() == before


def test_a_history_of_another_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")
    with pytest.raises(StoreError, match="history of schema 7, this version of the harness writes 1"):
        append(path, run_of(record(0.01)))


def test_a_database_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")
    with pytest.raises(StoreError, match="history of schema 0"):
        append(path, run_of(record(0.01)))


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used as the history of runs"):
        append(tmp_path / "file" / "history.sqlite", run_of(record(0.01)))

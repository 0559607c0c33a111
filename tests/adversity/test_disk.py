"""Disks that are full, folders that are files, and files that are not what was written: noticed, said, and mended
where that is possible."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.adversity.door import InProcess, clean_environment, harness_run, pytest_run
from tests.adversity.material import MODELS, RECORDED, models, outcomes, project, result, suite
from tests.cli.material import RIGHT, linear

MADE = ("  c: {onnx: same.onnx}\n", "  c: {onnx: same.onnx}\n  made: {compress: [{quantize: {mode: weights, bits: 8}}]}\n")
PASSED = {f"{name}::accuracy{segment}": "PASS" for name in ("c", "made") for segment in ("", "[sex:f]", "[sex:m]")}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has run once."""
    folder = project(tmp_path_factory.mktemp("template") / "project")
    models(folder)
    suite(folder, "stored", MODELS, MADE)
    assert pytest_run(folder, "suites").status == 0
    assert result(folder, "stored")["model_calls"] == 1_200
    return folder


@pytest.fixture
def stored(template: Path, tmp_path: Path) -> Path:
    """A copy of it, evidence included: what is stored does not depend on where it lies."""
    folder = tmp_path / "project"
    shutil.copytree(template, folder)
    return folder


def garble(path: Path, how: str) -> None:
    """A new file in its place: made models are hard links, and their twins stay what they are."""
    content = path.read_bytes()
    path.unlink()
    match how:
        case "garbage":
            path.write_bytes(random.Random(1).randbytes(len(content)))
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case "flipped":
            path.write_bytes(content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 0xFF]) + content[len(content) // 2 + 1 :])
        case "gone":
            pass


def test_what_is_stored_is_used(stored: Path, harness: InProcess) -> None:
    assert harness(stored, "run").status == 0
    assert result(stored, "stored")["model_calls"] == 0


@pytest.mark.parametrize("how", ["garbage", "empty", "cut", "flipped", "gone"])
def test_damaged_evidence_is_gathered_again_with_a_warning(stored: Path, harness: InProcess, how: str) -> None:
    for part in (stored / ".harness" / "evidence").glob("*/part-*.parquet"):
        garble(part, how)
    run = pytest_run(stored, "suites") if how == "flipped" else harness(stored, "run")
    assert run.status == 0
    assert outcomes(stored, "stored") == PASSED
    assert result(stored, "stored")["model_calls"] == 1_200
    warnings = result(stored, "stored")["warnings"]
    for name in ("original", "c", "made"):
        assert any(f"stored evidence (stored: {name} on test, clean)" in said and "gathered again" in said for said in warnings)
    assert (how == "gone") != (stored / ".harness" / "corrupt").exists()
    assert "gathered again" in run.text


@pytest.mark.parametrize(
    "pattern",
    [
        "evidence/*/complete.json",
        "evidence/*/key.json",
        "index/*.json",
        "data/*.parquet",
        "data/*.json",
        "models/stored/made/*/artifact.json",
        "models/stored/made/*/model.onnx",
        "models/stored/.steps/*/artifact.json",
        "models/stored/.steps/*/model.onnx",
    ],
)
def test_every_other_file_of_the_store_may_be_damaged(stored: Path, harness: InProcess, pattern: str) -> None:
    """One way after the other on one project: each run mends what it finds."""
    for how in ("garbage", "cut", "gone"):
        found = sorted((stored / ".harness").glob(pattern))
        assert found
        for path in found:
            garble(path, how)
        run = harness(stored, "run", "--no-report")
        assert run.status == 0, run.text
        assert "stored: c and made may ship" in run.out


def test_leftovers_of_dead_processes_are_no_obstacle(stored: Path, harness: InProcess) -> None:
    """Locks that nobody holds, files half written, folders half made."""
    store = stored / ".harness"
    for lock in store.rglob("*.lock"):
        lock.write_text("12345")
        lock.chmod(0)
    for folder in (store / "evidence").iterdir():
        if folder.is_dir():
            (folder / "part-000000000000-5-abc.parquet.4242.making").write_bytes(b"x")
    (store / "models" / "stored" / "made" / ".0123456789.making").mkdir()
    assert harness(stored, "run", "--fresh").status == 0
    assert result(stored, "stored")["model_calls"] == 1_200
    assert not list((store / "evidence").rglob("*.making"))


def test_a_damaged_history_costs_the_trend_and_not_the_report(stored: Path, harness: InProcess) -> None:
    (stored / "reports" / "history.sqlite").write_bytes(b"this is not a database" * 100)
    assert harness(stored, "run").status == 0
    assert outcomes(stored, "stored") == PASSED


def test_a_damaged_baseline_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    folder = project(tmp_path)
    suite(folder, "accepted")
    suite(folder, "other")
    assert harness_run(folder, "baseline", "accept", "accepted", "--note", "x").status == 0
    (folder / "baselines" / "accepted" / "c.json").write_text('{"format": 1, "suite": ')
    run = pytest_run(folder, "suites")
    assert "cannot be read as a baseline" in run.cases["accepted.yaml"].text
    assert "restore it from version control or accept it again" in run.cases["accepted.yaml"].text
    assert run.cases["other.yaml::c::accuracy"].outcome == "passed"


@pytest.mark.parametrize("door", ["pytest", "harness"])
def test_a_file_where_the_reports_should_go(tmp_path: Path, door: str) -> None:
    folder = project(tmp_path)
    suite(folder, "plain")
    (folder / "reports").write_text("precious")
    run = pytest_run(folder, "suites") if door == "pytest" else harness_run(folder, "run")
    assert run.status == (1 if door == "pytest" else 2), "verdicts without a report are not a success"
    assert "no report was written: the report" in run.text
    assert "choose another report folder" in run.text
    assert "c may ship" in run.out
    assert (folder / "reports").read_text() == "precious"


def test_a_report_folder_in_which_nobody_may_write(tmp_path: Path) -> None:
    folder = project(tmp_path)
    suite(folder, "plain")
    reports = folder / "reports"
    reports.mkdir()
    if subprocess.run(["chattr", "+i", str(reports)], capture_output=True, check=False).returncode:
        reports.chmod(0o500)
        if _writable(reports):
            pytest.skip("no folder can be made read-only here: running as root, and chattr does not work")
    try:
        run = pytest_run(folder, "suites")
    finally:
        subprocess.run(["chattr", "-i", str(reports)], capture_output=True, check=False)
        reports.chmod(0o700)
    assert run.status == 1
    assert "no report was written" in run.out
    assert {case.outcome for case in run.cases.values()} == {"passed"}


def _writable(folder: Path) -> bool:
    try:
        (folder / "x").touch()
    except OSError:
        return False
    (folder / "x").unlink()
    return True


def test_a_file_where_the_store_should_be(tmp_path: Path) -> None:
    folder = project(tmp_path)
    suite(folder, "plain")
    (folder / ".harness").touch()
    run = pytest_run(folder, "suites")
    assert "cannot write the data cache" in run.cases["plain.yaml"].text
    assert harness_run(folder, "run").status == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def _fill(disk: Path, leave: int) -> Path:
    free = shutil.disk_usage(disk).free
    filling = disk / "filling"
    filling.write_bytes(b"\0" * max(0, free - leave))
    return filling


def test_a_full_disk(small_disk: Path) -> None:
    folder = project(small_disk / "project")
    models(folder)
    suite(folder, "full", MODELS)
    filling = _fill(small_disk, 0)
    run = pytest_run(folder, "suites")
    assert run.status == 1
    assert "cannot write the data cache" in run.out
    assert "No space left on device" in run.out
    filling.unlink()
    filling = _fill(small_disk, 24_000)  # the copy of the data fits, reports of a hundred kilobytes do not
    run = pytest_run(folder, "suites")
    assert run.status == 1
    assert "No space left on device" in run.out
    filling.unlink()
    run = pytest_run(folder, "suites")
    assert run.status == 0
    assert set(outcomes(folder, "full").values()) == {"PASS"}


def test_evidence_that_does_not_fit_is_an_error_and_what_was_there_stays(stored: Path) -> None:
    """No file may grow beyond 2 kB: the evidence of 400 rows is larger, its old parts are read as before."""
    limited = [
        "bash",
        "-c",
        'ulimit -f 2; exec "$0" -m pytest -p no:cacheprovider -q suites --no-harness-report --candidate fresh | cat',
    ]
    suite(stored, "stored", MODELS, MADE, ("candidates:\n", "candidates:\n  fresh: {onnx: fresh.onnx}\n"))
    linear(stored / "suites" / "fresh.onnx", [[-1.0, 1.0], [-1.0, 1.0 + 2**-19]])
    done = subprocess.run([*limited, sys.executable], cwd=stored, capture_output=True, text=True, timeout=120, check=False)
    assert "cannot write evidence to" in done.stdout, done.stdout + done.stderr
    assert "File too large" in done.stdout
    assert "Traceback" not in done.stdout
    run = pytest_run(stored, "suites")
    assert run.status == 0
    assert result(stored, "stored")["model_calls"] == 400, "only the candidate that could not be stored is asked again"


def test_a_store_that_is_removed_under_the_run(stored: Path) -> None:
    """What still needs the copy of the data says what happened, what was judged stays judged, and the next run is whole again."""
    (stored / "conftest.py").write_text(
        "import shutil\n"
        "def pytest_collection_finish(session):\n    shutil.rmtree('.harness', ignore_errors=True)\n"
        "def pytest_runtest_setup(item):\n"
        "    if item.name == 'accuracy' and 'made' in item.nodeid:\n        shutil.rmtree('.harness', ignore_errors=True)\n"
    )
    run = pytest_run(stored, "suites")
    assert run.status == 1
    assert "No such file or directory" in run.text
    assert "made could not be judged" in run.out
    found = outcomes(stored, "stored")
    assert {found[name] for name in PASSED if name.startswith("c::")} == {"PASS"}
    (stored / "conftest.py").unlink()
    assert pytest_run(stored, "suites").status == 0
    assert outcomes(stored, "stored") == PASSED


def test_the_history_stays_readable_after_two_runs_at_once(tmp_path: Path) -> None:
    folder = project(tmp_path)
    suite(folder, "a", RECORDED)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "suites"]
    runs = [subprocess.Popen(command, cwd=folder, env=clean_environment({}), stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for each in runs:
        out = each.communicate(timeout=120)[0]
        assert each.returncode == 0, out
    with sqlite3.connect(folder / "reports" / "history.sqlite") as history:
        assert history.execute("pragma integrity_check").fetchone() == ("ok",)
    assert set(outcomes(folder, "a").values()) == {"PASS"}


def wide(path: Path, middle: int) -> None:
    """The linear model by way of `middle` columns: many weights, the same answers."""
    right = np.array(RIGHT, np.float32)
    first, second = np.repeat(right, middle // 2, axis=1), np.kron(np.eye(2, dtype=np.float32), np.ones((middle // 2, 1), np.float32))
    made = onnx.load(str(path.parent / "good.onnx"))
    (old,) = made.graph.node
    del made.graph.node[:], made.graph.initializer[:]
    weights = {"first": first, "second": second / (middle // 2)}
    made.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in weights.items())
    made.graph.node.append(onnx.helper.make_node("MatMul", [old.input[0], "first"], ["middle"]))
    made.graph.node.append(onnx.helper.make_node("MatMul", ["middle", "second"], list(old.output)))
    onnx.save(made, str(path))


def test_a_disk_that_fills_up_while_a_candidate_is_made(small_disk: Path) -> None:
    """The candidate is an error that says so, others are judged, nothing half made is left, and with more room it is made."""
    folder = project(small_disk / "project")
    models(folder)
    wide(folder / "suites" / "wide.onnx", 20_000)
    suite(folder, "full", MODELS, MADE, ("onnx: good.onnx", "onnx: wide.onnx"))
    filling = _fill(small_disk, 250_000)
    run = pytest_run(folder, "suites", "--no-harness-report")
    assert run.status == 1
    assert "No space left on device" in run.text
    assert {case.outcome for name, case in run.cases.items() if "::c::" in name} == {"passed"}
    assert {case.outcome for name, case in run.cases.items() if "::made::" in name} != {"passed"}
    assert not list(folder.glob(".harness/**/*.making"))
    filling.unlink()
    assert pytest_run(folder, "suites").status == 0
    assert outcomes(folder, "full") == PASSED

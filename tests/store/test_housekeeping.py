"""Listing and cleaning."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from filelock import FileLock

from harness.compress.folder import intact, made_folder
from harness.errors import UsageError
from harness.ports.store import EvidenceKey
from harness.store.housekeeping import Area, Cleaned
from tests.store.helpers import KEY, LABELS, chunk, put, store

OTHER = EvidenceKey("model2", "data", "clean", "int4 on test")


def fill(root: Path) -> None:
    put(root, chunk(0, [1, 2, 3]))
    put(root, chunk(0, [1, 2]), key=OTHER)
    base = root / ".harness"
    for name, content in {
        "data/k1.parquet": "0123456789",
        "data/k1.json": "{}",
        "data/k1.lock": "",
        "index/i1.json": "12345",
        "models/m1/model.onnx": "abcdefg",
        "models/m1/artifact.json": "{}",
        "corrupt/x-part.parquet": "abc",
    }.items():
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text(content)


def age(path: Path, days: float) -> None:
    then = time.time() - days * 86_400
    for each in [path, *path.rglob("*")]:
        os.utime(each, (then, then))


def test_usage_counts_items_and_bytes(tmp_path: Path) -> None:
    assert sum(area.bytes + area.items for area in store(tmp_path).usage()) == 0
    fill(tmp_path)
    evidence, *others = store(tmp_path).usage()
    assert others == [Area("models", 1, 9), Area("data", 1, 12), Area("index", 1, 5), Area("corrupt", 1, 3)]
    on_disk = sum(path.stat().st_size for path in (tmp_path / ".harness" / "evidence").rglob("*") if path.is_file())
    assert (evidence.name, evidence.items, evidence.bytes) == ("evidence", 2, on_disk)


def test_entries_say_what_they_are(tmp_path: Path) -> None:
    fill(tmp_path)
    with store(tmp_path).open(EvidenceKey("m3", "d", "repeat", "half")) as entry:
        entry.append(chunk(0, [1]))
    found = {entry.description: entry for entry in store(tmp_path).entries()}
    assert {name: (entry.model, entry.data, entry.condition, entry.rows, entry.complete) for name, entry in found.items()} == {
        "int8 on test": ("model", "data", "clean", 3, True),
        "int4 on test": ("model2", "data", "clean", 2, True),
        "half": ("m3", "d", "repeat", 1, False),
    }
    assert all(entry.bytes > 0 and abs(entry.begun - time.time()) < 60 for entry in found.values())


def test_clean_everything(tmp_path: Path) -> None:
    fill(tmp_path)
    before = sum(area.bytes for area in store(tmp_path).usage())
    cleaned = store(tmp_path).clean(everything=True)
    assert (cleaned.items, cleaned.bytes, cleaned.busy) == (6, before, 0)
    assert sum(area.bytes + area.items for area in store(tmp_path).usage()) == 0
    assert store(tmp_path).load(KEY, LABELS) is None


def test_a_dry_run_says_the_same_and_removes_nothing(tmp_path: Path) -> None:
    fill(tmp_path)
    before = store(tmp_path).usage()
    told = store(tmp_path).clean(everything=True, dry_run=True)
    assert store(tmp_path).usage() == before
    assert store(tmp_path).clean(everything=True) == told


def test_a_copy_that_is_being_made_is_left_and_one_that_was_left_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / ".harness" / "data"
    folder.mkdir(parents=True)
    (folder / "k2.77.making").write_text("half")
    with FileLock(folder / "k2.lock"):
        assert store(tmp_path).clean(everything=True) == Cleaned(0, 0, 1)
    assert store(tmp_path).clean(everything=True) == Cleaned(1, 4, 0)


def test_clean_some_areas(tmp_path: Path) -> None:
    fill(tmp_path)
    assert store(tmp_path).clean(everything=True, areas=("data", "index")).items == 2
    assert {area.name for area in store(tmp_path).usage() if area.items} == {"evidence", "models", "corrupt"}


def test_clean_by_key(tmp_path: Path) -> None:
    fill(tmp_path)
    digest = next(entry.digest for entry in store(tmp_path).entries() if entry.model == "model2")
    assert store(tmp_path).clean(keys=[digest[:12]]).items == 1
    assert [entry.model for entry in store(tmp_path).entries()] == ["model"]
    assert store(tmp_path).load(KEY, LABELS) is not None


def test_clean_by_last_use(tmp_path: Path) -> None:
    fill(tmp_path)
    age(tmp_path / ".harness", 30)
    assert store(tmp_path).load(KEY, LABELS) is not None
    assert store(tmp_path).clean(older_than=7 * 86_400).items == 5
    assert [entry.model for entry in store(tmp_path).entries()] == ["model"]
    assert store(tmp_path).clean(older_than=7 * 86_400).items == 0


def test_what_is_being_written_is_left(tmp_path: Path) -> None:
    fill(tmp_path)
    with store(tmp_path).open(KEY):
        cleaned = store(tmp_path).clean(everything=True, areas=("evidence",))
        assert (cleaned.items, cleaned.busy) == (1, 1)
    assert store(tmp_path).load(KEY, LABELS) is not None


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({}, "say what to clean"),
        ({"keys": ["zz"]}, "no evidence has a key that starts with 'zz'"),
        ({"everything": True, "areas": ["evidense"]}, "no area 'evidense'"),
    ],
)
def test_choices_that_make_no_sense(tmp_path: Path, choice: dict[str, object], said: str) -> None:
    fill(tmp_path)
    with pytest.raises(UsageError, match=said):
        store(tmp_path).clean(**choice)  # type: ignore[arg-type]  # wrong on purpose


def made(root: Path, place: str, days: float = 0) -> Path:
    """A made folder as `compress:` leaves it."""

    def build(target: Path) -> dict[str, object]:
        (target / "model.onnx").write_bytes(b"weights")
        return {}

    folder = root / ".harness" / "models" / place
    made_folder(folder, build)
    age(folder, days)
    return folder


def test_a_candidate_that_is_used_every_night_stays(tmp_path: Path) -> None:
    used, unused, other = (made(tmp_path, place, days=90) for place in ("s/int8/k1", "s/int8/k2", "t/int4/k3"))
    assert intact(used) is not None  # as every run does that finds it
    assert store(tmp_path).clean(older_than=30 * 86_400.0).items == 2
    assert (used.is_dir(), unused.exists(), other.exists()) == (True, False, False)
    assert intact(used) is not None


@pytest.mark.parametrize("place", ["s/int8/k1", "s/.steps/k0"])
def test_a_candidate_that_is_being_made_is_left_with_the_steps_it_is_made_of(tmp_path: Path, place: str) -> None:
    step, other = made(tmp_path, "s/.steps/k0"), made(tmp_path, "t/.steps/k9")
    left = tmp_path / ".harness" / "models" / "u" / "int8" / ".k7.making"
    left.mkdir(parents=True)

    def build(target: Path) -> dict[str, object]:
        (target / "model.onnx").write_bytes(b"weights")
        assert store(tmp_path).clean(everything=True).busy == (2 if "k1" in place else 1)
        assert target.is_dir()
        assert step.is_dir() or place == "s/.steps/k0"
        assert not other.exists()
        assert not left.exists()
        return {}

    folder = tmp_path / ".harness" / "models" / place
    shutil.rmtree(folder, ignore_errors=True)
    made_folder(folder, build)
    assert intact(folder) is not None

"""Kills, damage, two processes at once, full disks."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from harness.errors import StoreError
from harness.store import EvidenceWarning
from harness.store.files import FileStore
from tests.store.helpers import KEY, LABELS, chunk, get, parts, put, store

GATHER = """
import os, sys, time
import numpy as np
from pathlib import Path
from harness.ports.model import Chunk
from harness.ports.store import EvidenceKey
from harness.store import entry as module
from harness.store.files import FileStore

root, seconds = Path(sys.argv[1]), float(sys.argv[2])
module.PART_SECONDS = 0.05
with FileStore(root / ".harness").open(EvidenceKey("model", "data", "clean", "int8 on test")) as entry:
    print("open", entry.complete, entry.rows, flush=True)
    if not entry.complete:
        for start in range(entry.rows, 1000, 10):
            with open(root / "gathered", "a") as calls:
                calls.write(f"{start}\\n")
            time.sleep(seconds)
            entry.append(Chunk(start, np.arange(start, start + 10, dtype=np.int32), np.zeros(10, np.uint8)))
        entry.finish({})
print("done", flush=True)
"""


def gather(root: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", GATHER, str(root), str(seconds)], stdout=subprocess.PIPE, text=True)


def wait_for(condition: object, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]  # any callable
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("enough", [1, 4])
def test_after_a_kill_only_the_part_in_the_making_is_gathered_again(tmp_path: Path, enough: int) -> None:
    process = gather(tmp_path, 0.02)
    wait_for(lambda: len(parts(tmp_path)) >= enough)
    process.kill()
    process.communicate()
    stored = sum(int(path.name.split("-")[2]) for path in parts(tmp_path))
    first = [int(line) for line in (tmp_path / "gathered").read_text().split()]
    assert stored >= 10 * enough
    assert store(tmp_path).load(KEY, LABELS) is None
    (tmp_path / "gathered").unlink()
    output, _ = gather(tmp_path, 0).communicate(timeout=60)
    second = [int(line) for line in (tmp_path / "gathered").read_text().split()]
    assert output.splitlines() == [f"open False {stored}", "done"]
    assert second == list(range(stored, 1000, 10))
    assert max(first) + 10 - stored <= 40  # two chunks that waited, the one in the making, and one being written
    np.testing.assert_array_equal(get(tmp_path).values, np.arange(1000))


def test_two_processes_gather_once(tmp_path: Path) -> None:
    both = [gather(tmp_path, 0.002) for _ in range(2)]
    said = sorted(process.communicate(timeout=120)[0].splitlines()[0] for process in both)
    assert said == ["open False 0", "open True 1000"]
    gathered = [int(line) for line in (tmp_path / "gathered").read_text().split()]
    assert gathered == list(range(0, 1000, 10))
    np.testing.assert_array_equal(get(tmp_path).values, np.arange(1000))


def test_whoever_waits_takes_over_from_a_process_that_was_killed(tmp_path: Path) -> None:
    first = gather(tmp_path, 0.02)
    wait_for(lambda: parts(tmp_path))
    second = gather(tmp_path, 0)
    time.sleep(0.3)
    first.kill()
    first.communicate()
    said = second.communicate(timeout=60)[0].splitlines()
    assert re.fullmatch(r"open False [1-9]\d*", said[0])
    np.testing.assert_array_equal(get(tmp_path).values, np.arange(1000))


def interrupted(root: Path) -> None:
    with store(root).open(KEY) as entry:
        entry.append(chunk(0, [1, 2, 3]))
        raise KeyboardInterrupt


def test_an_exception_keeps_what_was_gathered(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path)
    with store(tmp_path).open(KEY) as entry:
        assert (entry.complete, entry.rows) == (False, 3)


def filled(root: Path) -> list[Path]:
    """Complete evidence of 40 rows in four parts."""
    put(root, *(chunk(at, np.arange(at, at + 10, dtype=np.int32)) for at in range(0, 40, 10)), flush=True)
    assert len(parts(root)) == 4
    return parts(root)


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    match how:
        case "flip":
            content[len(content) // 2] ^= 1
        case "cut":
            content = content[:-7]
        case "empty":
            content = bytearray()
        case "longer":
            content += b"\0"
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["flip", "cut", "empty", "longer"])
@pytest.mark.parametrize("which", [0, 2, 3])
def test_a_damaged_part_is_set_aside_and_gathered_again(tmp_path: Path, how: str, which: int) -> None:
    damage(filled(tmp_path)[which], how)
    with pytest.warns(EvidenceWarning, match=rf"int8 on test.*rows {which * 10 + 1} to {which * 10 + 10} are damaged.*gathered again"):
        assert store(tmp_path).load(KEY, LABELS) is None
    assert len(list((tmp_path / ".harness" / "corrupt").iterdir())) == 1
    with store(tmp_path).open(KEY) as entry:
        assert (entry.complete, entry.rows) == (False, which * 10)
        entry.append(chunk(entry.rows, np.arange(entry.rows, 40, dtype=np.int32)))
        entry.finish({})
    np.testing.assert_array_equal(get(tmp_path).values, np.arange(40))


def test_damage_is_noticed_on_opening_too(tmp_path: Path) -> None:
    damage(filled(tmp_path)[1], "flip")
    with pytest.warns(EvidenceWarning, match="rows 11 to 20"), store(tmp_path).open(KEY) as entry:
        assert (entry.complete, entry.rows) == (False, 10)


@pytest.mark.parametrize("which", [0, 1, 3])
def test_a_part_that_is_gone(tmp_path: Path, which: int) -> None:
    filled(tmp_path)[which].unlink()
    with pytest.warns(EvidenceWarning, match=rf"{40 - which * 10} of 40 rows are gone"):
        assert store(tmp_path).load(KEY, LABELS) is None
    with store(tmp_path).open(KEY) as entry:
        assert entry.rows == which * 10


@pytest.mark.parametrize("content", ["", "{", "[]", '{"rows": "many"}'])
def test_a_damaged_end_mark_costs_no_rows(tmp_path: Path, content: str) -> None:
    filled(tmp_path)
    (mark,) = tmp_path.rglob("complete.json")
    mark.write_text(content)
    assert store(tmp_path).load(KEY, LABELS) is None
    with store(tmp_path).open(KEY) as entry:
        assert (entry.complete, entry.rows) == (False, 40)
        entry.finish({})
    assert len(get(tmp_path)) == 40


def test_what_a_dead_process_was_writing_is_swept_away(tmp_path: Path) -> None:
    left = filled(tmp_path)[0].with_name("part-x.parquet.99999.making")
    left.write_bytes(b"half")
    with store(tmp_path).open(KEY) as entry:
        assert entry.complete
    assert not left.exists()


def test_evidence_of_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path)
    monkeypatch.setattr("harness.store.parts._KEY", b"harness.part.2")
    with pytest.raises(StoreError, match="another version of the harness; run with --fresh"):
        store(tmp_path).load(KEY, LABELS)


def test_fresh_throws_away_what_was_begun_before(tmp_path: Path) -> None:
    filled(tmp_path)
    began = time.time()
    with store(tmp_path).open(KEY, fresh_since=began - 3600) as entry:
        assert entry.complete
    with store(tmp_path).open(KEY, fresh_since=time.time()) as entry:
        assert (entry.complete, entry.rows) == (False, 0)
        entry.append(chunk(0, [7]))
        entry.finish({})
    with store(tmp_path).open(KEY, fresh_since=began) as entry:
        assert entry.complete
    assert get(tmp_path).values.tolist() == [7]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / ".harness").write_text("in the way")
    assert store(tmp_path).load(KEY, LABELS) is None
    for writing in (lambda: put(tmp_path, chunk(0, [1])), lambda: store(tmp_path).save_facts(KEY, {})):
        with pytest.raises(StoreError, match=r"cannot write evidence to .*: .*; free space \(harness clean\), or put"):
            writing()


def test_a_read_only_store_still_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, chunk(0, [1, 2]))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(Path, "mkdir", refuse)
    assert get(tmp_path).values.tolist() == [1, 2]
    with pytest.raises(StoreError, match="Permission denied"):
        put(tmp_path, chunk(0, [1]), key=type(KEY)("other", "data", "clean"))


def overfill(root: Path, hard: int) -> None:
    """Ten rows, and then more than the largest file allowed."""
    with store(root).open(KEY) as entry:
        entry.append(chunk(0, np.arange(10)))
        entry.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
        entry.append(chunk(10, np.random.default_rng(1).random(5_000)))
        entry.flush()


def test_a_full_disk_loses_nothing_that_was_written(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(StoreError, match=r"^cannot write evidence to [^\n]*: File too large; free space [^\n]*$"):
            overfill(tmp_path, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.rglob("*.making"))
    with store(tmp_path).open(KEY) as entry:
        assert entry.rows == 10


def fill(folder: Path) -> None:
    with FileStore(folder).open(KEY) as entry:
        for at in range(0, 1_000_000, 10_000):
            entry.append(chunk(at, np.random.default_rng(at).random(10_000)))
            entry.flush()


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mount)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting a small tmpfs is not allowed here")
    try:
        with pytest.raises(StoreError, match="No space left on device"):
            fill(mount)
        assert not list(mount.rglob("*.making"))
        with FileStore(mount).open(KEY) as entry:
            assert entry.rows >= 10_000
    finally:
        subprocess.run(["umount", str(mount)], check=True)

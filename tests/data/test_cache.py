"""The Parquet copies: made once, by one process, whole or not at all."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.data.cache import CopyFolder
from harness.errors import DataError, StoreError
from tests.data.helpers import opener, rows, spec, write

MAKE_SLOWLY = """
import sys, time
from pathlib import Path
import pyarrow as pa, pyarrow.parquet as pq
from harness.data.cache import CopyFolder

def make(path):
    with open(sys.argv[2], "a") as calls:
        calls.write("x")
    pq.write_table(pa.table({"id": ["a"]}), path)
    time.sleep(float(sys.argv[3]))

print(CopyFolder(Path(sys.argv[1])).get("key", make).content)
"""


def start(cache: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", MAKE_SLOWLY, str(cache), str(cache.parent / "calls"), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_make_a_copy_once(tmp_path: Path) -> None:
    both = [start(tmp_path / "cache", 0.5) for _ in range(2)]
    printed = [process.communicate(timeout=60)[0] for process in both]
    assert printed[0] == printed[1] != ""
    assert (tmp_path / "calls").read_text() == "x"


def test_a_killed_maker_leaves_nothing_that_counts(tmp_path: Path) -> None:
    process = start(tmp_path / "cache", 60)
    until = time.monotonic() + 30
    while not list((tmp_path / "cache").rglob("*.making")) and time.monotonic() < until:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert list((tmp_path / "cache").rglob("*.making"))
    start(tmp_path / "cache", 0).communicate(timeout=60)
    assert (tmp_path / "calls").read_text() == "xx"
    assert not list((tmp_path / "cache").rglob("*.making"))


def test_a_copy_is_found_again_in_a_read_only_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.csv", "id\n1\n")
    assert len(opener(tmp_path).open(spec("a.csv"), tmp_path)) == 1

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(Path, "mkdir", refuse)
    assert len(opener(tmp_path).open(spec("a.csv"), tmp_path)) == 1


@pytest.mark.parametrize("damage", ["", "{}", "[]"])
def test_a_copy_whose_record_is_damaged_is_made_again(tmp_path: Path, damage: str) -> None:
    write(tmp_path / "a.csv", "id\n1\n")
    first = opener(tmp_path).open(spec("a.csv"), tmp_path).fingerprint
    (record,) = (tmp_path / ".harness" / "data").glob("*.json")
    record.write_text(damage)
    assert opener(tmp_path).open(spec("a.csv"), tmp_path).fingerprint == first
    assert "content" in json.loads(record.read_text())


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / ".harness").write_text("in the way")
    write(tmp_path / "a.csv", "id\n1\n")
    with pytest.raises(StoreError, match=r"cannot write the data cache .*\.harness/data: .*; free space \(harness clean\)"):
        opener(tmp_path).open(spec("a.csv"), tmp_path)


def test_a_full_disk(tmp_path: Path) -> None:
    folder = CopyFolder(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def make(path: Path) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        pq.write_table(pa.table({"x": list(range(1_000))}), path)

    try:
        with pytest.raises(StoreError, match="cannot write the data cache"):
            folder.get("key", make)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in (tmp_path / "data").iterdir() if path.suffix != ".lock"] == []


def test_copies_of_equal_files_are_shared(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        write(tmp_path / name, "id\n1\n")
        assert rows(opener(tmp_path).open(spec(name), tmp_path)) == [{"id": "1"}]
    assert len(list((tmp_path / ".harness" / "data").glob("*.parquet"))) == 1


NUMBERS = "id,x\n" + "".join(f"{number},{number**3}\n" for number in range(5_000))


def test_a_copy_whose_pages_are_damaged_is_noticed_and_made_again_by_the_next_run(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", NUMBERS)
    whole = rows(opener(tmp_path).open(spec("a.csv"), tmp_path))
    (copy,) = (tmp_path / ".harness" / "data").glob("*.parquet")
    content = bytearray(copy.read_bytes())
    content[2_000] ^= 0xFF
    copy.write_bytes(content)
    with pytest.raises(DataError, match=r"data 'test' \(a.csv\): the copy of its rows in .*\.parquet is damaged .*run again"):
        opener(tmp_path).open(spec("a.csv"), tmp_path)
    assert rows(opener(tmp_path).open(spec("a.csv"), tmp_path)) == whole


@pytest.mark.parametrize("content", [b"", b"PAR1 of something else", None])
def test_a_copy_that_is_no_parquet_file_is_made_again_at_once(tmp_path: Path, content: bytes | None) -> None:
    write(tmp_path / "a.csv", NUMBERS)
    whole = rows(opener(tmp_path).open(spec("a.csv"), tmp_path))
    (copy,) = (tmp_path / ".harness" / "data").glob("*.parquet")
    copy.write_bytes(copy.read_bytes()[:-100] if content is None else content)
    assert rows(opener(tmp_path).open(spec("a.csv"), tmp_path)) == whole

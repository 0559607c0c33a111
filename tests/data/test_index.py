"""What collection learns of a data set, and what it costs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.core.segment import ByBins, ByColumn, ByProduct, SegmentationSpec
from harness.data.index import IndexFolder
from harness.data.opener import DataOpener
from harness.data.segmenting import Segmenter
from tests.data.helpers import opener, sources, spec, write
from tests.data.test_segments import make_tokenizer

SPECS = (
    SegmentationSpec("language", ByColumn("language")),
    SegmentationSpec("length", ByBins("text", quantiles=2, by="characters")),
    SegmentationSpec("both", ByProduct(("language", "length"))),
)
CONTENT = "id,language,text\n1,bn,a\n2,de,abcdef\n3,de,ab\n4,,abcd\n"


def test_the_index_is_what_the_data_set_has(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", CONTENT)
    declared = spec("a.csv", segments=SPECS)
    full = opener(tmp_path).open(declared, tmp_path).segmentations()
    for index in (opener(tmp_path).index(declared, tmp_path), opener(tmp_path).index(declared, tmp_path)):
        assert index.rows == 4
        assert [(item.name, item.segments, item.sizes, item.edges) for item in index.segmentations] == [
            (found.name, found.segments, tuple(found.sizes().tolist()), found.edges) for found in full
        ]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    work = Segmenter.all
    monkeypatch.setattr(Segmenter, "all", lambda self: calls.append(1) or work(self))
    return calls


def test_the_index_is_remembered_until_something_changes(tmp_path: Path, counted: list[int]) -> None:
    make_tokenizer(tmp_path / "tokenizer.json")
    write(tmp_path / "a.csv", CONTENT)
    tokens = SegmentationSpec("tokens", ByBins("text", edges=(2,), by="tokens", tokenizer="tokenizer.json"))
    declared = spec("a.csv", segments=(*SPECS, tokens))

    def collect(expected: int, **settings: object) -> None:
        opener(tmp_path).index(declared, tmp_path, **settings)  # type: ignore[arg-type]  # edges, or nothing
        assert len(counted) == expected

    collect(1)
    collect(1)
    collect(2, edges={"length": (3.0,)})
    collect(2, edges={"length": (3.0,)})
    write(tmp_path / "a.csv", CONTENT + "5,bn,b\n")
    collect(3)
    state = (tmp_path / "a.csv").stat()
    os.utime(tmp_path / "a.csv", ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    collect(4)
    state = (tmp_path / "tokenizer.json").stat()
    os.utime(tmp_path / "tokenizer.json", ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    collect(5)
    declared = spec("a.csv", segments=SPECS[:1])
    collect(6)
    declared = spec("a.csv", segments=(SegmentationSpec("language", ByColumn("language"), min_examples=2),))
    collect(7)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"rows": 1, "segmentations": [{}]}', b"\xff"])
def test_a_damaged_index_is_made_anew(tmp_path: Path, counted: list[int], damage: bytes) -> None:
    write(tmp_path / "a.csv", CONTENT)
    declared = spec("a.csv", segments=SPECS)
    first = opener(tmp_path).index(declared, tmp_path)
    (path,) = (tmp_path / ".harness" / "index").iterdir()
    path.write_bytes(damage)
    assert opener(tmp_path).index(declared, tmp_path) == first
    assert len(counted) == 2
    assert json.loads(path.read_bytes())["rows"] == 4


def test_no_index_folder_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "index").write_text("in the way")
    write(tmp_path / "a.csv", CONTENT)
    made = DataOpener(sources(), tmp_path / "cache")
    assert made.index(spec("a.csv", segments=SPECS), tmp_path).rows == 4
    assert IndexFolder(tmp_path / "cache").get("any") is None


def test_collection_does_not_check_ids(tmp_path: Path) -> None:
    """It reads the segment columns alone; opening finds the duplicates."""
    write(tmp_path / "a.csv", "id,language,text\n1,bn,a\n1,de,b\n")
    assert opener(tmp_path).index(spec("a.csv", segments=SPECS), tmp_path).rows == 2

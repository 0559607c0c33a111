"""csv and tsv: what is read, and what is said when it cannot be."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.data.parameters import FileParameters
from harness.errors import DataError
from tests.data.helpers import open_file, opener, rows, spec, write


def test_values_are_literal_and_only_an_empty_field_is_missing(tmp_path: Path) -> None:
    words = ["NA", "nan", "null", "no", "007", "N/A", "None", "-", "1e5", "true", " "]
    content = "id,a,b\n" + "".join(f"{number},{word},\n" for number, word in enumerate(words)) + 'x,"",""\n'
    found = rows(open_file(tmp_path, "a.csv", content))
    assert [row["a"] for row in found] == [*words, None]
    assert {row["b"] for row in found} == {None}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.csv", b"id,a\n1,\xc3\xa9\n2,x\n"),
        ("packed.csv.gz", b"id,a\n1,\xc3\xa9\n2,x\n"),
        ("mark.csv", b"\xef\xbb\xbfid,a\n1,\xc3\xa9\n2,x\n"),
        ("windows.csv", b"id,a\r\n1,\xc3\xa9\r\n2,x\r\n"),
        ("oldmac.csv", b"id,a\r1,\xc3\xa9\r2,x\r"),
        ("noend.csv", b"id,a\n1,\xc3\xa9\n2,x"),
        ("blank.csv", b"id,a\n\n1,\xc3\xa9\n\n2,x\n\n"),
        ("quoted.csv", b'"id","a"\n"1","\xc3\xa9"\n"2","x"\n'),
        ("tabs.tsv", b"id\ta\n1\t\xc3\xa9\n2\tx\n"),
    ],
)
def test_forms_of_the_same_rows_have_one_fingerprint(tmp_path: Path, name: str, content: bytes) -> None:
    dataset = open_file(tmp_path, name, content)
    assert rows(dataset) == [{"id": "1", "a": "é"}, {"id": "2", "a": "x"}]
    assert dataset.fingerprint == open_file(tmp_path, "reference.csv", "id,a\n1,é\n2,x\n").fingerprint


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8-sig"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    write(tmp_path / "a.csv", "id,a\n1,naïve\n".encode(encoding))
    dataset = opener(tmp_path).open(spec(FileParameters(path="a.csv", encoding=encoding)), tmp_path)
    assert rows(dataset) == [{"id": "1", "a": "naïve"}]


def test_a_delimiter_of_ones_own(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "id;a\n1;x,y\n")
    dataset = opener(tmp_path).open(spec(FileParameters(path="a.csv", delimiter=";")), tmp_path)
    assert rows(dataset) == [{"id": "1", "a": "x,y"}]


def test_line_breaks_and_quotation_marks_in_quoted_fields(tmp_path: Path) -> None:
    dataset = open_file(tmp_path, "a.csv", 'id,a\n1,"two\nlines"\n2,"say ""x"""\n')
    assert [row["a"] for row in rows(dataset)] == ["two\nlines", 'say "x"']


def test_a_value_larger_than_any_block(tmp_path: Path) -> None:
    long = "x" * 6_000_000
    dataset = open_file(tmp_path, "a.csv", f'id,a\n1,"{long}"\n2,y\n')
    assert [len(row["a"]) for row in rows(dataset)] == [6_000_000, 1]


FIELD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=20))
def test_what_pythons_csv_writes_is_read_back(tmp_path: Path, values: list[tuple[str, str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "a", "b"])
    writer.writerows([(f"r{number}", *pair) for number, pair in enumerate(values)])
    found = rows(open_file(tmp_path, "a.csv", text.getvalue()))
    assert [(row["a"] or "", row["b"] or "") for row in found] == values


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"id,a\n", "has no rows"),
        (b"id,a\n1,x\n2\n3,y,z\n", r"the header has 2 fields, but row 2 \(line 3\) has 1; row 3 \(line 4\) has 3"),
        (b"id,a\n1,x\n2,\xff\xfe\n", r"line 3 is not utf-8 text \(byte 0xff at position 3 of the line\).*encoding: latin-1"),
        (b"id,\xff\n1,x\n", "line 1 is not utf-8 text"),
        (b"id,a,a\n1,x,y\n", "two columns are called 'a'"),
        (b'id,a\n1,x\n2,"y\n3,z\n4,w\n', "the row that starts on line 3 do not close"),
        (b'id,a\n1,"x\n2,y\n3,"z"\n', "the row that starts on line 2 do not close"),
    ],
    ids=["empty", "header only", "ragged", "encoding", "encoding of header", "columns", "open quote", "quote closed late"],
)
def test_faults_are_placed(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=rf"(?s)data 'test' \(a\.csv\): .*{said}"):
        open_file(tmp_path, "a.csv", content)


def test_many_ragged_rows_are_counted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 5 \(line 6\) has 1; and 3 more rows"):
        open_file(tmp_path, "a.csv", "id,a\n" + "x\n" * 8)


def test_wrong_bytes_in_another_encoding(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", b"id,a\n1,\x81\n")
    with pytest.raises(DataError, match="is not cp1252 text"):
        opener(tmp_path).open(spec(FileParameters(path="a.csv", encoding="cp1252")), tmp_path)


def test_unknown_encoding(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "id,a\n1,x\n")
    with pytest.raises(DataError, match="there is no encoding 'utf-99'"):
        opener(tmp_path).open(spec(FileParameters(path="a.csv", encoding="utf-99")), tmp_path)


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_damaged_gzip(tmp_path: Path, damage: str) -> None:
    packed = bytearray(gzip.compress(b"id,a\n" + b"".join(b"%d,%d\n" % (number, number**2) for number in range(5_000))))
    if damage == "cut":
        packed = packed[: len(packed) // 2]
    else:
        packed[-6] ^= 0xFF
    (tmp_path / "a.csv.gz").write_bytes(packed)
    with pytest.raises(DataError, match="gzip compression is damaged or cut off"):
        opener(tmp_path).open(spec("a.csv.gz"), tmp_path)


def test_a_failed_copy_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        open_file(tmp_path, "a.csv", "id,a\n1\n")
    assert [path.name for path in (tmp_path / ".harness" / "data").iterdir() if path.suffix != ".lock"] == []

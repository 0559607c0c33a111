"""Which file is read, and as what."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.data.files import file_format
from harness.data.parameters import FileParameters
from harness.errors import DataError
from tests.data.helpers import open_file, opener, rows, spec, write

WANTED = [{"id": "1", "a": "x"}, {"id": "2", "a": "y"}]


def parquet_bytes(columns: dict[str, Any]) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target)
    return target.getvalue()


def npz_bytes(**arrays: Any) -> bytes:
    target = io.BytesIO()
    np.savez(target, **arrays)
    return target.getvalue()


FORMS = {
    "a.csv": b"id,a\n1,x\n2,y\n",
    "a.tsv": b"id\ta\n1\tx\n2\ty\n",
    "a.jsonl": b'{"id": "1", "a": "x"}\n{"id": "2", "a": "y"}\n',
    "a.ndjson": b'{"id": "1", "a": "x"}\n\n{"id": "2", "a": "y"}',
    "a.json": json.dumps(WANTED).encode(),
    "a.parquet": parquet_bytes({"id": ["1", "2"], "a": ["x", "y"]}),
    "a.npz": npz_bytes(id=np.array(["1", "2"]), a=np.array(["x", "y"])),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_every_format_plain_and_gzipped(tmp_path: Path, name: str, packed: str) -> None:
    assert rows(open_file(tmp_path, name + packed, FORMS[name])) == WANTED


@pytest.mark.parametrize("name", FORMS)
def test_a_format_given_wins_over_the_suffix(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.data").write_bytes(FORMS[name])
    parameters = FileParameters(path="a.data", format=file_format(FileParameters(path=name)))
    assert rows(opener(tmp_path).open(spec(parameters), tmp_path)) == WANTED


def test_the_same_rows_have_one_fingerprint_in_every_text_format(tmp_path: Path) -> None:
    prints = {open_file(tmp_path, name, content).fingerprint for name, content in FORMS.items() if name != "a.parquet"}
    assert len(prints) == 1


@pytest.mark.parametrize(
    "change", ["id,a\n1,x\n2,z\n", "id,a\n2,y\n1,x\n", "id,b\n1,x\n2,y\n", "id,a\n1,x\n", "id,a\n1,\n2,y\n", "id,a\n1x,\n2,y\n"]
)
def test_other_rows_have_another_fingerprint(tmp_path: Path, change: str) -> None:
    first = open_file(tmp_path, "a.csv", FORMS["a.csv"]).fingerprint
    assert open_file(tmp_path, "b.csv", change).fingerprint != first


def test_which_column_is_the_id_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    by_id = open_file(tmp_path, "a.csv", FORMS["a.csv"])
    by_a = open_file(tmp_path, "a.csv", FORMS["a.csv"], id="a")
    assert by_id.fingerprint != by_a.fingerprint
    assert (by_id.id_column, by_a.id_column) == ("id", "a")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    open_file(tmp_path, "a.csv", FORMS["a.csv"])
    assert rows(open_file(tmp_path, "a.csv", b"id,a\n9,z\n")) == [{"id": "9", "a": "z"}]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("tets.csv", "there is no file .*tets.csv; did you mean 'test.csv'"),
        ("folder", "is a folder; name the file in it"),
        ("test.xlsx", "does not tell its format; add format: with one of csv, tsv, jsonl, json, parquet, npz"),
        ("noformat", "does not tell its format"),
    ],
)
def test_files_that_are_not_there(tmp_path: Path, path: str, said: str) -> None:
    for name in ("test.csv", "test.xlsx", "noformat"):
        write(tmp_path / name, "id\n1\n")
    (tmp_path / "folder").mkdir()
    parameters = FileParameters(path=path, format="csv" if path == "folder" else None)
    with pytest.raises(DataError, match=said):
        opener(tmp_path).open(spec(parameters), tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.parquet", b"PAR1 but not really", "is not a Parquet file"),
        ("a.parquet", b"", "is not a Parquet file"),
        ("a.parquet", parquet_bytes({"id": pa.array([], pa.string())}), "has no rows"),
        ("a.jsonl", b'{"id": 1}\n{"id": \n', r"line 2 is not JSON: Expecting value at character 7"),
        ("a.jsonl", b'{"id": 1}\n[1]\n', "line 2 must be an object and is a list"),
        ("a.jsonl", b'{"id": 1, "x": NaN}\n', "line 1 is not JSON: NaN is no JSON value; write null"),
        ("a.jsonl", b'{"id": "\xff"}\n', "line 1 or one soon after it is not utf-8 text"),
        ("a.jsonl", b"\n", "there are no rows"),
        ("a.json", b'{"id": [1, 2]}', "must be a list of objects, one per row, and is an object"),
        ("a.json", b"[1]", "row 1 must be an object and is a number"),
        ("a.json", b"[]", "there are no rows"),
        ("a.json", b"[{]", "is not JSON"),
        ("a.json", b'["\xff"]', "is not utf-8 text"),
        ("a.npz", b"PK nonsense", "is not an npz file"),
        ("a.npz", npz_bytes(id=np.arange(3), a=np.arange(2)), r"equal first dimension.*id \(3,\), a \(2,\)"),
        ("a.npz", npz_bytes(id=np.arange(1), a=np.float64(2)), "equal first dimension"),
        ("a.npz", npz_bytes(id=np.array([object()], dtype=object)), "is not an npz file of plain arrays"),
        ("a.npz", npz_bytes(id=np.array([1j])), "elements of type complex128"),
        ("a.npz", npz_bytes(), "holds no arrays"),
    ],
)
def test_faults_are_placed(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=rf"(?s)data 'test' \({name}\): .*{said}"):
        open_file(tmp_path, name, content)


def test_types_of_json_are_kept(tmp_path: Path) -> None:
    content = '{"id": "a", "n": 1, "f": 1.5, "t": "2024-01-01", "b": true, "l": [1, 2], "late": null}\n{"id": "b", "n": null, "late": 7}\n'
    first, second = rows(open_file(tmp_path, "a.jsonl", content))
    assert first == {"id": "a", "n": 1, "f": 1.5, "t": "2024-01-01", "b": True, "l": [1, 2], "late": None}
    assert second == {"id": "b", "n": None, "f": None, "t": None, "b": None, "l": None, "late": 7}


def test_a_json_column_of_mixed_types_becomes_text(tmp_path: Path) -> None:
    lines = [{"id": str(number), "m": number} for number in range(9_000)] + [
        {"id": "x", "m": "seven"},
        {"id": "y", "m": [1, "a"]},
        {"id": "z"},
    ]
    found = rows(open_file(tmp_path, "a.jsonl", "\n".join(json.dumps(line) for line in lines)))
    assert [row["m"] for row in found] == [*(str(number) for number in range(9_000)), "seven", '[1, "a"]', None]


def test_whole_and_broken_json_numbers_in_distant_rows_are_numbers(tmp_path: Path) -> None:
    lines = [{"id": str(number), "m": number} for number in range(9_000)] + [{"id": "x", "m": 0.5}]
    assert open_file(tmp_path, "a.jsonl", "\n".join(json.dumps(line) for line in lines)).column("m").type == pa.float64()


def test_arrays_of_more_dimensions_are_tensor_columns(tmp_path: Path) -> None:
    images = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    dataset = open_file(tmp_path, "a.npz", npz_bytes(id=np.array(["a", "b"]), image=images, big_endian=np.array([1, 2], dtype=">i4")))
    column = dataset.column("image")
    assert column.type == pa.fixed_shape_tensor(pa.float32(), (3, 4))
    np.testing.assert_array_equal(column.combine_chunks().to_numpy_ndarray(), images)
    (batch,) = dataset.batches(["image", "big_endian"], 8)
    np.testing.assert_array_equal(batch.column(0).to_numpy_ndarray(), images)
    assert batch.column(1).to_pylist() == [1, 2]


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int8, np.uint8, np.bool_])
def test_tensor_columns_keep_their_type(tmp_path: Path, kind: Any) -> None:
    values = (np.arange(12).reshape(3, 4) % 2).astype(kind)
    found = open_file(tmp_path, "a.npz", npz_bytes(id=np.arange(3), x=values)).column("x").combine_chunks()
    stored = np.array(found.storage.flatten().to_numpy(zero_copy_only=False)).reshape(3, 4)
    assert stored.dtype == kind
    np.testing.assert_array_equal(stored, values)


def test_bytes_in_npz_are_text(tmp_path: Path) -> None:
    assert rows(open_file(tmp_path, "a.npz", npz_bytes(id=np.array([b"a", "é".encode()])))) == [{"id": "a"}, {"id": "é"}]


def test_a_parquet_file_is_read_where_it_lies(tmp_path: Path) -> None:
    rows(open_file(tmp_path, "a.parquet", FORMS["a.parquet"]))
    assert not (tmp_path / ".harness").exists()


def test_two_columns_of_one_name_in_parquet(tmp_path: Path) -> None:
    twice = pa.Table.from_arrays([pa.array(["1"]), pa.array(["2"])], names=["id", "id"])
    pq.write_table(twice, tmp_path / "a.parquet")
    with pytest.raises(DataError, match="two columns are called 'id'"):
        opener(tmp_path).open(spec("a.parquet"), tmp_path)


def test_gzip_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(gzip.compress(FORMS["a.csv"]))
    (tmp_path / "b.csv.gz").write_bytes(FORMS["a.csv"])
    for name in ("a.csv", "b.csv.gz"):
        assert rows(opener(tmp_path).open(spec(name), tmp_path)) == WANTED

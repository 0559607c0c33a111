"""Ids: text, unique, none missing."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from harness.data.ids import read_ids
from harness.errors import DataError
from tests.data.helpers import open_file, table


def test_ids_are_text_in_row_order(tmp_path: Path) -> None:
    assert read_ids(table(tmp_path, {"id": ["b", "a", "007", "7"]}), "id").to_pylist() == ["b", "a", "007", "7"]
    numbers = read_ids(table(tmp_path, {"id": [3, 1, 2, 10]}), "id")
    assert numbers.to_pylist() == ["3", "1", "2", "10"]
    assert numbers.type == pa.string()


def test_rows_without_an_id_column_are_counted(tmp_path: Path) -> None:
    assert read_ids(table(tmp_path, {"x": [5, 5, 5]}), None).to_pylist() == ["row-1", "row-2", "row-3"]


@pytest.mark.parametrize("ids", [["a", "b", "a", "c", "b", "a"], [1, 2, 1, 3, 2, 1]])
def test_duplicates_are_named_with_their_rows(tmp_path: Path, ids: list[object]) -> None:
    first, second = str(ids[0]), str(ids[1])
    with pytest.raises(DataError, match=rf"'{first}' in rows 1, 3, 6; '{second}' in rows 2, 5$"):
        read_ids(table(tmp_path, {"id": ids}), "id")


@pytest.mark.parametrize("ids", [["a", None, "b", "", "c"], [1.0, None, 2.0, float("nan"), 3.0]])
def test_missing_ids_are_named_by_row(tmp_path: Path, ids: list[object]) -> None:
    with pytest.raises(DataError, match="the id column 'id' is empty in rows 2, 4; every example needs an id"):
        read_ids(table(tmp_path, {"id": ids}), "id")


def test_ids_must_be_single_values(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column 'id' holds list<"):
        read_ids(table(tmp_path, {"id": [[1], [2]]}), "id")


def test_one_row_is_a_data_set(tmp_path: Path) -> None:
    dataset = open_file(tmp_path, "a.csv", "id,x\nonly,1\n")
    assert (len(dataset), dataset.ids().to_pylist()) == (1, ["only"])


def test_columns_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data 'test' \(a.csv\): id: there is no column 'idd'; did you mean 'id'\?"):
        open_file(tmp_path, "a.csv", "id,x\n1,1\n", id="idd")
    with pytest.raises(DataError, match="target: there is no column 'label'; it has 'id', 'x'"):
        open_file(tmp_path, "a.csv", "id,x\n1,1\n", target="label")
    with pytest.raises(DataError, match="cluster_by: there is no column 'y'"):
        open_file(tmp_path, "a.csv", "id,x\n1,1\n", cluster_by="y")

"""Hashes of single rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness.data.content import row_hashes


def hashes(*columns: pa.Array) -> list[bytes]:
    return list(row_hashes(pa.RecordBatch.from_arrays(list(columns), names=[str(number) for number in range(len(columns))])))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([7, 8]), pa.array([7.0, 8.0])),
        (pa.array([0.5, -0.0], pa.float32()), pa.array([0.5, 0.0], pa.float64())),
        (pa.array(["a", None]), pa.array(["a", None]).dictionary_encode()),
        (pa.array(["a", "b"]), pa.array(["a", "b"], pa.large_string())),
        (pa.array([[1.0, 2.0], [3.0, 4.0]]), pa.array([[1, 2], [3, 4]], pa.list_(pa.int64(), 2))),
        (pa.array([None, [3.0, 4.0]]), pa.array([None, [3.0, 4.0]], pa.list_(pa.float64(), 2))),
        (pa.array([[["x"], []], [["y", None]]]), pa.array([[["x"], []], [["y", None]]], pa.large_list(pa.list_(pa.string())))),
    ],
)
def test_the_same_values_have_the_same_hash_whatever_their_type(one: pa.Array, other: pa.Array) -> None:
    assert hashes(one) == hashes(other)
    assert len(set(hashes(one))) == 2


@pytest.mark.parametrize(
    "values",
    [
        [0, None, 1],
        ["", None, "a", "None"],
        [[], None, [None], [0.0], [0.0, 0.0]],
        [["ab"], ["a", "b"], ["", "ab"]],
        [{"a": 1}, {"a": 2}, {"a": None}, None],
    ],
)
def test_different_values_have_different_hashes(values: list[Any]) -> None:
    assert len(set(hashes(pa.array(values)))) == len(values)


def test_columns_do_not_run_into_each_other() -> None:
    assert len(set(hashes(pa.array(["ab", "a", ""]), pa.array(["", "b", "ab"])))) == 3


def test_a_slice_of_a_batch_has_the_hashes_of_its_rows() -> None:
    images = np.arange(24, dtype=np.float32).reshape(6, 4)
    columns = [pa.FixedSizeListArray.from_arrays(images.ravel(), 4), pa.array([1, None, 3, 4, None, 6])]
    batch = pa.RecordBatch.from_arrays(list(columns), names=["x", "y"])
    assert list(row_hashes(batch.slice(2, 3))) == list(row_hashes(batch))[2:5]

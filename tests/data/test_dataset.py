"""Columns, batches and single rows."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.data.content import ContentHash
from harness.errors import DataError
from tests.data.helpers import open_file, opener, spec, table


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.integers(1, 20), st.integers(1, 25), st.integers(0, 21))
def test_batches_are_all_rows_from_start_on(tmp_path: Path, count: int, size: int, start: int) -> None:
    found = table(tmp_path, {"n": list(range(count)), "m": [f"{n}" for n in range(count)]})
    batches = list(found.batches(["m", "n"], size, start))
    assert [n for batch in batches for n in batch.column("n").to_pylist()] == list(range(start, count))
    assert all(0 < batch.num_rows <= size and batch.schema.names == ["m", "n"] for batch in batches)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=12))
def test_take_keeps_the_order_asked_for(tmp_path: Path, wanted: list[int]) -> None:
    found = table(tmp_path, {"n": list(range(10)), "m": [f"{n}" for n in range(10)]})
    assert found.take(wanted, ["m"]) == [{"m": f"{n}"} for n in wanted]


def test_unknown_columns_are_named_with_the_data_set(tmp_path: Path) -> None:
    dataset = open_file(tmp_path, "a.csv", "id,text\n1,x\n")
    for reading in (lambda: dataset.column("txt"), lambda: list(dataset.batches(["txt"], 1)), lambda: dataset.take([0], ["txt"])):
        with pytest.raises(DataError, match=r"data 'test' \(a.csv\): there is no column 'txt'; did you mean 'text'"):
            reading()


def test_columns_with_dots_and_shared_prefixes(tmp_path: Path) -> None:
    dataset = open_file(tmp_path, "a.csv", "id,a,a.b\n1,x,y\n")
    assert dataset.column("a").to_pylist() == ["x"]
    assert [batch.to_pydict() for batch in dataset.batches(["a.b", "a"], 5)] == [{"a.b": ["y"], "a": ["x"]}]
    assert dataset.take([0], ["a"]) == [{"a": "x"}]


def test_the_ids_do_not_depend_on_the_declared_target(tmp_path: Path) -> None:
    first = open_file(tmp_path, "a.csv", "id,y\n1,x\n")
    second = open_file(tmp_path, "a.csv", "id,y\n1,x\n", target="y")
    assert first.fingerprint == second.fingerprint
    assert first.name == "test"


COLUMN = st.one_of(
    st.lists(st.one_of(st.none(), st.text(max_size=4)), min_size=6, max_size=6).map(lambda values: pa.array(values, pa.string())),
    st.lists(st.one_of(st.none(), st.integers(0, 3)), min_size=6, max_size=6).map(lambda values: pa.array(values, pa.int64())),
    st.lists(st.one_of(st.none(), st.lists(st.integers(0, 3), max_size=2)), min_size=6, max_size=6).map(
        lambda values: pa.array(values, pa.list_(pa.int64()))
    ),
    st.lists(st.one_of(st.none(), st.booleans()), min_size=6, max_size=6).map(lambda values: pa.array(values, pa.bool_())),
)


def content(batches: list[pa.RecordBatch]) -> str:
    found = ContentHash(batches[0].schema)
    for batch in batches:
        found.update(batch)
    return found.hexdigest()


@given(COLUMN, COLUMN, st.integers(1, 6), st.integers(1, 6))
def test_the_content_hash_knows_rows_and_not_batches(first: pa.Array, second: pa.Array, one: int, other: int) -> None:
    whole = {name: pa.table({"x": column}) for name, column in (("first", first), ("second", second))}
    hashes = {name: {content(each.to_batches(max_chunksize=size)) for size in (one, other, 6)} for name, each in whole.items()}
    assert len(hashes["first"]) == len(hashes["second"]) == 1
    assert (hashes["first"] == hashes["second"]) == (first.type == second.type and first.to_pylist() == second.to_pylist())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.array(["a", "b"]), pa.array(["a", "b"], pa.large_string())),
        (pa.array(["a", None]), pa.array(["a", None]).dictionary_encode()),
        (pa.array(["a", "b"]), pa.array(["a", "b"]).cast(pa.string_view())),
        (pa.array([[1], None, [2, 3]]), pa.array([[1], None, [2, 3]], pa.large_list(pa.int64()))),
    ],
)
def test_the_same_values_in_another_form_hash_alike(first: pa.Array, second: pa.Array) -> None:
    assert content(pa.table({"x": first}).to_batches()) == content(pa.table({"x": second}).to_batches())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["ab", "c"], ["a", "bc"]),
        ([None, ""], ["", None]),
        (["1", "2"], [1, 2]),
        ([[1], [2, 3]], [[1, 2], [3]]),
        ([{"a": 1}, {"a": 2}], [{"b": 1}, {"b": 2}]),
        ([{"a": 1}, None], [{"a": 1}, {"a": None}]),
        ([0.0, None], [0.0, 0.0]),
    ],
)
def test_other_values_hash_otherwise(first: list[object], second: list[object]) -> None:
    assert content(pa.table({"x": first}).to_batches()) != content(pa.table({"x": second}).to_batches())


def test_slices_hash_as_what_they_show() -> None:
    long = pa.table(
        {"t": ["x", "a", "bc", None], "l": [[9], [1], None, [2]], "n": [0, 1, None, 2], "s": [{"k": 0}, {"k": 1}, None, {"k": 2}]}
    )
    short = pa.table({"t": ["a", "bc", None], "l": [[1], None, [2]], "n": [1, None, 2], "s": [{"k": 1}, None, {"k": 2}]})
    assert content(long.slice(1).to_batches()) == content(short.to_batches())


def test_streaming_does_not_hold_the_file(tmp_path: Path) -> None:
    count, width = 3_000, 4_000
    np.savez(tmp_path / "a.npz", id=np.arange(count), x=np.zeros((count, width), np.float32))
    dataset = opener(tmp_path).open(spec("a.npz"), tmp_path)
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    tracemalloc.start()
    most = 0
    for batch in dataset.batches(["x"], 64):
        most = max(most, pool.bytes_allocated() - before)
        del batch
    _, python = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most + python < count * width * 4 / 2

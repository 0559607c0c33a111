"""What is stored comes back: values, types, failures, ragged rows."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.arrays.outputs import RowStatus
from harness.core.models import OutputSpec, OutputType, Task
from harness.errors import StoreError
from harness.ports.store import EvidenceKey
from tests.store.helpers import KEY, LABELS, LOGITS, chunk, get, parts, put, store

TOKENS = OutputSpec(OutputType.LABEL, Task.TOKENS)
FRESH = itertools.count()
KINDS = st.sampled_from(["int8", "uint8", "int32", "int64", "float16", "float32", "float64", "bool"])


def new_key() -> EvidenceKey:
    """Another one for every example that hypothesis tries in one folder."""
    return EvidenceKey(f"model {next(FRESH)}", "data", "clean")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(
    KINDS.flatmap(lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=1, max_dims=3, max_side=6))),
    st.lists(st.integers(1, 3), max_size=6),
    st.booleans(),
)
def test_any_values_in_any_chunks(tmp_path: Path, values: Any, sizes: list[int], flush: bool) -> None:
    status = np.arange(len(values), dtype=np.uint8) % 6
    key = new_key()
    chunks, at = [], 0
    for size in [*sizes, len(values)]:
        part = values[at : at + size]
        if len(part):
            chunks.append(chunk(at, part, status[at : at + size], messages={at: f"row {at}"}))
        at += len(part)
    put(tmp_path, *chunks, key=key, flush=flush)
    found = get(tmp_path, LOGITS, key)
    assert found.values.dtype == values.dtype
    np.testing.assert_array_equal(found.status, status)
    told = np.zeros(len(values), bool)
    told[[row for each in chunks if (each.status == 0).any() or not flush for row in range(each.start, each.start + len(each.status))]] = (
        True
    )
    np.testing.assert_array_equal(found.values[told], values[told])
    assert found.messages == {each.start: f"row {each.start}" for each in chunks}
    assert (found.spec, found.labels) == (LOGITS, LOGITS.labels)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(-100, 100), max_size=5), min_size=1, max_size=12), st.integers(1, 5), st.booleans(), st.booleans())
def test_ragged_rows(tmp_path: Path, rows: list[list[int]], size: int, flush: bool, with_log_probs: bool) -> None:
    key = new_key()
    chunks = []
    for at in range(0, len(rows), size):
        some = rows[at : at + size]
        values = np.array([token for row in some for token in row], np.int32)
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in some])]).astype(np.int64)
        log_probs = (values / 8).astype(np.float32) if with_log_probs else None
        chunks.append(chunk(at, values, [0] * len(some), offsets=offsets, token_log_probs=log_probs))
    put(tmp_path, *chunks, key=key, flush=flush)
    found = get(tmp_path, TOKENS, key)
    assert found.offsets is not None
    assert [found.values[low:high].tolist() for low, high in zip(found.offsets[:-1], found.offsets[1:], strict=True)] == rows
    assert found.values.dtype == np.int32
    if with_log_probs and len(found.values):
        np.testing.assert_array_equal(found.token_log_probs, (found.values / 8).astype(np.float32))
    if not with_log_probs:
        assert found.token_log_probs is None


def test_offsets_of_a_chunk_may_start_anywhere(tmp_path: Path) -> None:
    put(tmp_path, chunk(0, [5, 6, 7], [0, 0], offsets=np.array([10, 11, 13])))
    found = get(tmp_path, TOKENS)
    np.testing.assert_array_equal(found.offsets, [0, 1, 3])


def test_nan_and_infinity_come_back_as_they_are(tmp_path: Path) -> None:
    values = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45], np.float32)
    put(tmp_path, chunk(0, values))
    assert get(tmp_path).values.tobytes() == values.tobytes()


def test_rows_that_all_failed_take_the_shape_of_the_others(tmp_path: Path) -> None:
    """A batch that crashed says nothing about how many classes there are."""
    lost = [RowStatus.CRASHED, RowStatus.TIMED_OUT]
    put(
        tmp_path,
        chunk(0, np.zeros(2), lost, messages={0: "segfault"}),
        chunk(2, np.ones((2, 3), np.float16)),
        chunk(4, np.zeros(2, np.int64), lost),
    )
    found = get(tmp_path, LOGITS)
    assert (found.values.shape, found.values.dtype) == ((6, 3), np.float16)
    np.testing.assert_array_equal(found.values[[0, 1, 4, 5]], 0)
    np.testing.assert_array_equal(found.values[2:4], 1)
    assert found.ok.tolist() == [False, False, True, True, False, False]
    assert found.messages == {0: "segfault"}


def test_ragged_rows_that_all_failed(tmp_path: Path) -> None:
    put(tmp_path, chunk(0, np.zeros(2), [2, 2]), chunk(2, [4, 5, 6], [0, 0], offsets=np.array([0, 2, 3])))
    found = get(tmp_path, TOKENS)
    np.testing.assert_array_equal(found.offsets, [0, 0, 0, 2, 3])
    np.testing.assert_array_equal(found.values, [4, 5, 6])


def test_a_model_that_failed_everywhere(tmp_path: Path) -> None:
    put(tmp_path, chunk(0, np.zeros((3, 2)), [3, 3, 3]))
    assert not get(tmp_path).ok.any()


def test_types_that_differ_between_chunks_are_joined(tmp_path: Path) -> None:
    put(tmp_path, chunk(0, np.float16([0.5])), chunk(1, np.float64([1e300])))
    np.testing.assert_array_equal(get(tmp_path).values, [0.5, 1e300])


def test_answers_that_change_their_shape(tmp_path: Path) -> None:
    put(tmp_path, chunk(0, np.zeros((1, 2))), chunk(1, np.zeros((1, 3))))
    with pytest.raises(StoreError, match=r"stored answers change their shape from row to row: \(2,\), \(3,\)"):
        store(tmp_path).load(KEY, LOGITS)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (chunk(1, [1]), "rows 1 and on were to be stored, but rows up to 0 are there"),
        (chunk(0, ["a"]), "values of type <U1 cannot be stored"),
        (chunk(0, np.zeros((3, 2)), [0, 0]), r"a chunk of 2 rows has values of shape \(3, 2\), where 2 were expected"),
        (chunk(0, [1, 2], [0], offsets=np.array([0, 3])), "where 3 were expected"),
        (chunk(0, [1, 2], [0, 0], token_log_probs=np.zeros(2, np.float32)), "token log-probabilities"),
    ],
)
def test_chunks_that_make_no_sense(tmp_path: Path, wrong: Any, said: str) -> None:
    with store(tmp_path).open(KEY) as entry, pytest.raises(StoreError, match=said):
        entry.append(wrong)


def test_messages_of_rows_before_the_chunk_are_a_mistake(tmp_path: Path) -> None:
    with store(tmp_path).open(KEY) as entry:
        entry.append(chunk(0, [1, 2], messages={1: "why", 7: "of a row that was cut off"}))
        entry.flush()
        entry.append(chunk(2, [1], messages={0: "counted from the chunk"}))
        with pytest.raises(StoreError, match="a message belongs to row 0, but the chunk starts at row 2"):
            entry.flush()


def test_nothing_is_added_to_complete_evidence(tmp_path: Path) -> None:
    put(tmp_path, chunk(0, [1]))
    with store(tmp_path).open(KEY) as entry:
        assert entry.complete
        assert entry.rows == 1
        with pytest.raises(StoreError):
            entry.append(chunk(1, [1]))


def test_rows_that_come_fast_make_few_files(tmp_path: Path) -> None:
    put(tmp_path, *(chunk(at, np.zeros(64, np.int32)) for at in range(0, 200_000, 64)))
    assert len(parts(tmp_path)) <= 5
    assert len(get(tmp_path)) == 200_000


def test_large_rows_are_not_held_back(tmp_path: Path) -> None:
    with store(tmp_path).open(KEY) as entry:
        for at in range(0, 12):
            entry.append(chunk(at, np.zeros((1, 2**20), np.float32)))
        assert len(parts(tmp_path)) == 1
    assert len(parts(tmp_path)) == 2


def test_slow_rows_are_on_disk_after_five_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("harness.store.entry.time.monotonic", lambda: now[0])
    with store(tmp_path).open(KEY) as entry:
        seen = []
        for at in range(6):
            now[0] += 2.0
            entry.append(chunk(at, [at]))
            seen.append(len(parts(tmp_path)))
        assert seen == [0, 0, 1, 1, 1, 2]
        now[0] += 60.0
        entry.append(chunk(6, [6]))
        assert len(parts(tmp_path)) == 3


def test_fast_rows_are_on_disk_after_one_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("harness.store.entry.time.monotonic", lambda: now[0])
    with store(tmp_path).open(KEY) as entry:
        entry.append(chunk(0, np.zeros(5_000)))
        assert not parts(tmp_path)
        now[0] += 1.0
        entry.append(chunk(5_000, np.zeros(1)))
        assert len(parts(tmp_path)) == 1


@pytest.mark.parametrize("facts", [{}, {"bytes": 12, "ratio": 0.5, "none": None, "name": "é", "deep": {"a": [1, 2]}}])
def test_facts(tmp_path: Path, facts: dict[str, Any]) -> None:
    assert store(tmp_path).load_facts(KEY) is None
    store(tmp_path).save_facts(KEY, {"old": 1})
    store(tmp_path).save_facts(KEY, facts)
    assert store(tmp_path).load_facts(KEY) == facts
    assert store(tmp_path).load_facts(EvidenceKey("other", "data", "clean")) is None


@pytest.mark.parametrize("facts", [{"x": np.nan}, {"x": object()}])
def test_facts_that_are_no_json(tmp_path: Path, facts: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="cannot be stored as JSON"):
        store(tmp_path).save_facts(KEY, facts)


def test_damaged_facts_are_none(tmp_path: Path) -> None:
    store(tmp_path).save_facts(KEY, {"a": 1})
    (path,) = tmp_path.rglob("facts.json")
    path.write_text("{")
    assert store(tmp_path).load_facts(KEY) is None


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (EvidenceKey("model", "data", "clean", "another text"), True),
        (EvidenceKey("model2", "data", "clean"), False),
        (EvidenceKey("model", "data2", "clean"), False),
        (EvidenceKey("model", "data", "other"), False),
        (EvidenceKey("mod", "eldata", "clean"), False),
    ],
)
def test_what_a_key_is(tmp_path: Path, other: EvidenceKey, same: bool) -> None:
    put(tmp_path, chunk(0, [1]))
    assert (store(tmp_path).load(other, LABELS) is not None) == same


def test_nothing_is_loaded_that_is_not_complete(tmp_path: Path) -> None:
    assert store(tmp_path).load(KEY, LABELS) is None
    with store(tmp_path).open(KEY) as entry:
        entry.append(chunk(0, [1]))
    assert store(tmp_path).load(KEY, LABELS) is None
    assert not (tmp_path / ".harness" / "corrupt").exists()

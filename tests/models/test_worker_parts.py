"""The protocol between harness and worker, casts, the lock on the machine, and what is imported when."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.arrays.outputs import RowStatus
from harness.errors import MeasurementError, ModelError, UsageError
from harness.models import machine as machine_module
from harness.models.answer import Answer, failed, joined
from harness.models.casting import RowError, cast, numbers, plain
from harness.models.machine import machine
from harness.models.protocol import Frame, pack_arrays, pack_batch, read_frame, unpack_arrays, unpack_batch, write_frame


def _through_a_pipe(frames: list[Frame]) -> list[Frame | None]:
    reading, writing = os.pipe()

    def write() -> None:
        for frame in frames:
            write_frame(writing, frame)
        os.close(writing)

    thread = threading.Thread(target=write)
    thread.start()
    with open(reading, "rb") as stream:
        read: list[Frame | None] = [read_frame(stream) for _ in range(len(frames) + 1)]  # type: ignore[arg-type]  # a BinaryIO
    thread.join()
    return read


@given(st.lists(st.tuples(st.text(), st.lists(st.binary(max_size=2000), max_size=4)), max_size=4))
def test_frames_come_out_as_they_went_in(contents: list[tuple[str, list[bytes]]]) -> None:
    frames = [Frame({"is": "x", "text": text}, tuple(parts)) for text, parts in contents]
    *read, end = _through_a_pipe(frames)
    assert end is None
    assert [(f.head, [bytes(b) for b in f.buffers]) for f in read if f] == [(dict(f.head), list(f.buffers)) for f in frames]


def test_a_large_frame_is_written_whole() -> None:
    frame = Frame({"is": "big"}, (bytes(5_000_000), b"", b"end"))
    read = _through_a_pipe([frame])[0]
    assert read is not None
    assert [len(part) for part in read.buffers] == [5_000_000, 0, 3]


@pytest.mark.parametrize("cut", [1, 3, 4, 10, 30])
def test_a_frame_that_is_cut_off_is_an_end(cut: int) -> None:
    reading, writing = os.pipe()
    write_frame(writing, Frame({"is": "x"}, (b"0123456789",)))
    os.close(writing)
    with open(reading, "rb") as stream:
        content = stream.read()
    assert read_frame(io.BytesIO(content[:cut])) is None


@given(
    st.lists(
        hnp.arrays(st.sampled_from([np.int32, np.float32, np.uint8, np.float64]), hnp.array_shapes(min_dims=1, min_side=0)), max_size=4
    )
)
def test_arrays_come_out_as_they_went_in(arrays: list[np.ndarray]) -> None:
    named = {str(place): array for place, array in enumerate(arrays)}
    for name, array in unpack_arrays(*pack_arrays(named)).items():
        assert array.dtype == named[name].dtype
        np.testing.assert_array_equal(array, named[name])


def test_record_batches_come_out_as_they_went_in() -> None:
    tensor = pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(12, dtype=np.float32).reshape(3, 2, 2))
    batch = pa.record_batch({"t": ["a", None, "ü"], "x": tensor, "d": pa.array(["p", "q", "p"]).dictionary_encode()})
    assert unpack_batch(pack_batch(batch)).equals(batch)
    assert unpack_batch(pack_batch(batch.slice(1, 1))).to_pydict() == batch.slice(1, 1).to_pydict()


@given(st.lists(st.floats(allow_nan=False, width=32) | st.integers(-(2**62), 2**62), min_size=1, max_size=20))
def test_text_is_parsed_as_python_parses_it(values: list[float]) -> None:
    parsed = numbers(pa.array([f" {value!r}" for value in values]), "c", np.dtype(np.float64))
    assert parsed.tolist() == [float(value) for value in values]


@pytest.mark.parametrize("text", ["", "1,5", "0x10", "one", "1 2", "--1", "1_000", "½"])
@pytest.mark.parametrize("target", ["int64", "float32"])
def test_what_is_no_number_names_its_row(text: str, target: str) -> None:
    with pytest.raises(RowError) as caught:
        numbers(pa.array(["1", "2", text, "3"]), "c", np.dtype(target))
    assert caught.value.row == 2


@given(hnp.arrays(np.int64, st.integers(1, 20)), st.sampled_from([np.int8, np.uint8, np.int32, np.uint32, np.int64]))
def test_integers_are_cast_only_when_they_fit(array: np.ndarray, target: type) -> None:
    limits = np.iinfo(target)
    outside = [row for row, value in enumerate(array.tolist()) if not limits.min <= value <= limits.max]
    if outside:
        with pytest.raises(RowError) as caught:
            cast(array, np.dtype(target), "x", declared=False)
        assert caught.value.row == outside[0]
    else:
        assert cast(array, np.dtype(target), "x", declared=False).tolist() == array.tolist()


def test_casts_that_need_a_word() -> None:
    with pytest.raises(ModelError, match="holds float64; write dtype: int32"):
        cast(np.array([1.0]), np.dtype(np.int32), "x", declared=False)
    assert cast(np.array([1.0, -2]), np.dtype(np.int32), "x", declared=True).tolist() == [1, -2]
    assert cast(np.array([True, False]), np.dtype(np.float32), "x", declared=False).tolist() == [1, 0]
    assert cast(np.array([0, 1]), np.dtype(bool), "x", declared=False).tolist() == [False, True]
    with pytest.raises(RowError, match="cannot hold 2"):
        cast(np.array([0, 2]), np.dtype(bool), "x", declared=False)
    with pytest.raises(ModelError, match="text or objects; let a python step return numbers"):
        cast(np.array(["a"], dtype=object), np.dtype(np.float32), "x", declared=False)


def test_columns_as_python_sees_them() -> None:
    assert plain(pa.array([[1, 2], [3, 4]])).tolist() == [[1, 2], [3, 4]]
    assert plain(pa.array([[[1], [2]], [[3], [4]]])).shape == (2, 2, 1)
    ragged = plain(pa.array([[1, 2], [3], None]))
    assert ragged.dtype == object
    assert ragged[1].tolist() == [3]
    assert ragged[2] is None
    assert plain(pa.array([b"\x00", b"ab"])).tolist() == [b"\x00", b"ab"]
    assert plain(pa.array(["p", "q", "p"]).dictionary_encode()).tolist() == ["p", "q", "p"]


@given(st.lists(st.sampled_from(["ok", "failed"]), min_size=1, max_size=12), st.integers(0, 12))
def test_joined_answers_keep_rows_and_messages(parts: list[str], skip: int) -> None:
    answers = [
        Answer(np.full((2, 3), place, np.float32), np.zeros(2, np.uint8)) if part == "ok" else failed(RowStatus.RAISED, f"row {place}")
        for place, part in enumerate(parts)
    ]
    whole = joined(answers)
    rows = [(place, part) for place, part in enumerate(parts) for _ in range(2 if part == "ok" else 1)]
    assert [int(status) for status in whole.status] == [0 if part == "ok" else RowStatus.RAISED for _, part in rows]
    assert whole.messages == {row: f"row {place}" for row, (place, part) in enumerate(rows) if part == "failed"}
    if "ok" in parts:
        assert whole.values is not None
        assert whole.values[:, 0].tolist() == [place if part == "ok" else 0 for place, part in rows]
    rest = whole.without_first(skip)
    assert len(rest) == max(0, len(rows) - skip)
    assert rest.messages == {row - skip: text for row, text in whole.messages.items() if row >= skip}


def _try(mode: str, path: Path, patience: float, results: list[object]) -> threading.Thread:
    def work() -> None:
        began = time.monotonic()
        try:
            with machine(mode, patience, path):  # type: ignore[arg-type]  # a mode
                results.append(time.monotonic() - began)
        except MeasurementError as error:
            results.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_gathering_shares_the_machine(tmp_path: Path) -> None:
    results: list[object] = []
    with machine("shared", path=tmp_path / "lock"):
        _try("shared", tmp_path / "lock", 5, results).join()
    assert isinstance(results[0], float)


@pytest.mark.parametrize(("holding", "wanting"), [("shared", "exclusive"), ("exclusive", "shared"), ("exclusive", "exclusive")])
def test_timed_work_has_the_machine_alone(tmp_path: Path, holding: str, wanting: str) -> None:
    results: list[object] = []
    with machine(holding, path=tmp_path / "lock"):  # type: ignore[arg-type]  # a mode
        _try(wanting, tmp_path / "lock", 0.3, results).join()
        assert isinstance(results[0], MeasurementError)
        assert "another run has been using this machine for more than 0.3 s" in str(results[0])
        waiting = _try(wanting, tmp_path / "lock", 30, results)
        time.sleep(0.3)
    waiting.join()
    assert isinstance(results[1], float)
    assert results[1] > 0.2


def test_holds_nest_in_any_order_of_leaving(tmp_path: Path) -> None:
    results: list[object] = []
    first, second = machine("shared", path=tmp_path / "lock"), machine("shared", path=tmp_path / "lock")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    _try("exclusive", tmp_path / "lock", 0.2, results).join()
    assert isinstance(results[0], MeasurementError)
    second.__exit__(None, None, None)
    _try("exclusive", tmp_path / "lock", 5, results).join()
    assert isinstance(results[1], float)
    with machine("exclusive", path=tmp_path / "lock"), machine("exclusive"), machine("shared"):
        pass


def test_timed_work_inside_gathering_does_not_wait_for_itself(tmp_path: Path) -> None:
    with machine("shared", path=tmp_path / "lock"), pytest.raises(UsageError, match="still gathering"), machine("exclusive"):
        pass


def test_without_a_lock_file_the_work_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with machine("exclusive", path=tmp_path / "file" / "lock"):
        pass
    assert "measuring without a lock" in caplog.text


def test_a_killed_holder_leaves_the_machine_free(tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from harness.models.machine import machine
with machine("exclusive", path=Path({str(tmp_path / "lock")!r})):
    print("held", flush=True)
    time.sleep(60)
"""
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(MeasurementError), machine("shared", 0.2, tmp_path / "lock"):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with machine("exclusive", 5, tmp_path / "lock"):
        pass


def test_the_lock_is_per_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert str(os.getuid()) in str(machine_module.lock_path())


def test_kinds_and_observer_import_no_model_library() -> None:
    code = """
import sys
import harness.models.builtin, harness.models.observer
heavy = {"torch", "onnx", "onnxruntime", "tokenizers", "safetensors", "polars", "transformers"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)

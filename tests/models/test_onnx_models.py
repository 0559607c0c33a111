"""ONNX models through the observer: what they answer, and what is wrong with their files, inputs and outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.arrays.outputs import RowStatus
from harness.core.models import InputSpec, OutputSpec, OutputType, Task
from harness.errors import ModelError
from tests.models.fakes import MemoryDataset, expected_linear, gathered, linear_onnx, observer, onnx_spec, save

X = (InputSpec("x", ("u", "v")),)


@pytest.fixture
def numbers() -> MemoryDataset:
    generator = np.random.default_rng(0)
    u, v = generator.normal(size=(2, 150))
    return MemoryDataset({"id": [f"e{row}" for row in range(150)], "u": u, "v": v, "y": ["a"] * 150})


def matrix(dataset: MemoryDataset) -> np.ndarray:
    return np.stack([dataset.table[name].to_numpy() for name in ("u", "v")], axis=1)


def test_answers_are_those_of_the_formula(tmp_path: Path, numbers: MemoryDataset) -> None:
    linear_onnx(tmp_path / "m.onnx")
    outputs = gathered(onnx_spec("m.onnx", X), tmp_path, numbers)
    np.testing.assert_allclose(outputs.values, expected_linear(matrix(numbers)), rtol=1e-5, atol=1e-6)
    assert outputs.values.dtype == np.float32
    assert (outputs.status == RowStatus.OK).all()
    assert outputs.labels == ("a", "b", "c")


@pytest.mark.parametrize("start", [1, 63, 64, 100, 149])
def test_a_resumed_gathering_gives_the_rest(tmp_path: Path, numbers: MemoryDataset, start: int) -> None:
    linear_onnx(tmp_path / "m.onnx")
    whole = gathered(onnx_spec("m.onnx", X), tmp_path, numbers)
    rest = gathered(onnx_spec("m.onnx", X), tmp_path, numbers, start=start)
    np.testing.assert_array_equal(rest.values, whole.values[start:])


@pytest.mark.parametrize("batch", [1, 4, 64, 200])
def test_a_fixed_batch_dimension_is_respected(tmp_path: Path, numbers: MemoryDataset, batch: int) -> None:
    linear_onnx(tmp_path / "m.onnx", batch=batch)
    outputs = gathered(onnx_spec("m.onnx", X), tmp_path, numbers)
    np.testing.assert_allclose(outputs.values, expected_linear(matrix(numbers)), rtol=1e-5, atol=1e-6)


def test_external_data_belongs_to_the_model(tmp_path: Path, numbers: MemoryDataset) -> None:
    linear_onnx(tmp_path / "m.onnx", external=True)
    spec = onnx_spec("m.onnx", X)
    outputs = gathered(spec, tmp_path, numbers)
    np.testing.assert_allclose(outputs.values, expected_linear(matrix(numbers)), rtol=1e-5, atol=1e-6)
    before = observer().fingerprint(spec, tmp_path)
    footprint = observer().footprint(spec, tmp_path, numbers)
    assert footprint.disk_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    data = tmp_path / "m.onnx.data"
    data.write_bytes(bytes(255 - byte for byte in data.read_bytes()))
    assert observer().fingerprint(spec, tmp_path) != before
    data.unlink()
    with pytest.raises(ModelError, match=r"m\.onnx\.data', which is missing"):
        observer().fingerprint(spec, tmp_path)


def test_text_columns_are_read_as_numbers(tmp_path: Path) -> None:
    linear_onnx(tmp_path / "m.onnx")
    dataset = MemoryDataset({"id": ["p", "q"], "u": ["1.5", " -2e0 "], "v": ["0", "7"], "y": ["a", "b"]})
    outputs = gathered(onnx_spec("m.onnx", X), tmp_path, dataset)
    np.testing.assert_allclose(outputs.values, expected_linear(np.array([[1.5, 0], [-2, 7]])))


def test_integer_columns_meet_in_the_type_of_the_tensor(tmp_path: Path) -> None:
    linear_onnx(tmp_path / "m.onnx")
    dataset = MemoryDataset({"id": ["p"], "u": pa.array([3], pa.int8()), "v": pa.array([0.25], pa.float64()), "y": ["a"]})
    np.testing.assert_allclose(gathered(onnx_spec("m.onnx", X), tmp_path, dataset).values, expected_linear(np.array([[3, 0.25]])))


def test_a_tensor_column_keeps_its_shape(tmp_path: Path) -> None:
    linear_onnx(tmp_path / "m.onnx")
    x = np.arange(8, dtype=np.float32).reshape(4, 2)
    dataset = MemoryDataset({"id": list("pqrs"), "x": pa.FixedShapeTensorArray.from_numpy_ndarray(x), "y": ["a"] * 4})
    outputs = gathered(onnx_spec("m.onnx", (InputSpec("x", ("x",)),)), tmp_path, dataset)
    np.testing.assert_allclose(outputs.values, expected_linear(x))


@pytest.mark.parametrize(
    ("column", "row", "message"),
    [
        (["1", "2", "x3"], 2, "column 'u' holds 'x3' there, which is not a number of type float32; turn it into one with a python step"),
        (["1", None, "3"], 1, "column 'u' has no value there, and input 'x' needs one; fill it in, in the data or with a python step"),
        ([1.0, 2.0, None], 2, "column 'u' has no value there, and input 'x' needs one; fill it in, in the data or with a python step"),
    ],
)
def test_a_value_that_is_no_number_costs_its_example(tmp_path: Path, column: list[object], row: int, message: str) -> None:
    linear_onnx(tmp_path / "m.onnx")
    dataset = MemoryDataset({"id": ["p", "q", "r"], "u": column, "v": [1.0, 2.0, 3.0], "y": ["a"] * 3})
    outputs = gathered(onnx_spec("m.onnx", X), tmp_path, dataset)
    assert outputs.messages == {row: message}
    assert outputs.status.tolist() == [RowStatus.RAISED if each == row else RowStatus.OK for each in range(3)]
    others = [each for each in range(3) if each != row]
    x = np.array([[float(str(column[each])), each + 1.0] for each in others], np.float32)
    np.testing.assert_allclose(outputs.values[others], expected_linear(x))


def test_every_example_without_an_input_is_named(tmp_path: Path) -> None:
    linear_onnx(tmp_path / "m.onnx")
    there = np.random.default_rng(0).random(500) < 0.8
    column = [float(row) if value else None for row, value in enumerate(there)]
    dataset = MemoryDataset({"id": [str(row) for row in range(500)], "u": column, "v": [0.0] * 500, "y": ["a"] * 500})
    outputs = gathered(onnx_spec("m.onnx", X), tmp_path, dataset)
    assert outputs.ok.tolist() == there.tolist()
    assert sorted(outputs.messages) == np.flatnonzero(~there).tolist()


def test_a_column_without_any_value_is_an_error(tmp_path: Path) -> None:
    linear_onnx(tmp_path / "m.onnx")
    column = pa.array([None] * 500, pa.float32())
    dataset = MemoryDataset({"id": [str(row) for row in range(500)], "u": column, "v": [0.0] * 500, "y": ["a"] * 500})
    with pytest.raises(ModelError, match=r"failed on every one of 64 examples .*: column 'u' has no value there"):
        gathered(onnx_spec("m.onnx", X), tmp_path, dataset)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((InputSpec("z", ("u", "v")),), "the model has no input 'z'; it takes 'x'"),
        ((InputSpec("X", ("u", "v")),), "no input 'X'"),
        ((InputSpec("x", ("u",)),), r"input 'x' takes \(batch, 2\), but its columns give \(batch\)"),
        ((InputSpec("x", ("u", "v", "u")),), r"input 'x' takes \(batch, 2\), but its columns give \(batch, 3\)"),
        ((InputSpec("x", ("u", "v"), dtype="int64"),), "declared as dtype int64, but the model takes float32"),
        ((InputSpec("x", ("u", "v"), dtype="flout32"),), "'flout32' is no type of numbers"),
        ((InputSpec("x", ("u", "w")),), "column 'w', which the data 'test' does not have"),
        ((), r"nothing says how its input is made from the data; it takes 'x' float32 \(any, 2\); write input: \{x: \{column: …\}\}"),
        ((InputSpec("x", ("u", "v"), shape=(3,)),), r"cannot be reshaped to \(3,\)"),
        ((InputSpec("x", ("u", "v"), step="absent:f"),), "there is no module 'absent'"),
    ],
)
def test_inputs_that_do_not_fit(tmp_path: Path, numbers: MemoryDataset, inputs: tuple[InputSpec, ...], message: str) -> None:
    linear_onnx(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=message):
        gathered(onnx_spec("m.onnx", inputs), tmp_path, numbers)


def _gather_model(path: Path) -> None:
    """`logits = table[ids]` for ids (batch,) int64."""
    table = numpy_helper.from_array(np.eye(3, dtype=np.float32), "table")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "ids"], ["logits"])],
        "gather",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
        [table],
    )
    save(graph, path)


def test_floats_become_integers_only_when_the_suite_says_so(tmp_path: Path) -> None:
    _gather_model(tmp_path / "m.onnx")
    whole = MemoryDataset({"id": ["p", "q"], "i": [2.0, 0.0], "y": ["a", "a"]})
    with pytest.raises(ModelError, match="takes int64, but its column holds float64; write dtype: int64"):
        gathered(onnx_spec("m.onnx", (InputSpec("ids", ("i",)),)), tmp_path, whole)
    declared = (InputSpec("ids", ("i",), dtype="int64"),)
    np.testing.assert_array_equal(gathered(onnx_spec("m.onnx", declared), tmp_path, whole).values, np.eye(3)[[2, 0]])
    broken = MemoryDataset({"id": ["p", "q"], "i": [2.0, 0.5], "y": ["a", "a"]})
    outputs = gathered(onnx_spec("m.onnx", declared), tmp_path, broken)
    assert outputs.ok.tolist() == [True, False]
    assert outputs.messages == {1: "input 'ids' takes int64, which cannot hold 0.5"}


def test_what_the_runtime_refuses_on_one_example_costs_that_example(tmp_path: Path) -> None:
    _gather_model(tmp_path / "m.onnx")
    ids = np.zeros(130, np.int64)
    ids[[17, 100]] = 99
    dataset = MemoryDataset({"id": [f"e{row}" for row in range(130)], "i": ids, "y": ["a"] * 130})
    outputs = gathered(onnx_spec("m.onnx", (InputSpec("ids", ("i",)),)), tmp_path, dataset)
    assert set(np.flatnonzero(~outputs.ok)) == {17, 100}
    assert set(outputs.status[[17, 100]]) == {RowStatus.RAISED}
    assert "indices element out of data bounds" in outputs.messages[17]
    np.testing.assert_array_equal(outputs.values[outputs.ok], np.tile([1, 0, 0], (128, 1)))


def test_not_a_number_and_infinity_are_wrong_answers_and_named(tmp_path: Path) -> None:
    linear_onnx(tmp_path / "m.onnx")
    u = np.zeros(70)
    u[3], u[69] = np.nan, np.inf
    dataset = MemoryDataset({"id": [f"e{row}" for row in range(70)], "u": u, "v": np.zeros(70), "y": ["a"] * 70})
    outputs = gathered(onnx_spec("m.onnx", X), tmp_path, dataset)
    assert list(np.flatnonzero(outputs.status == RowStatus.NOT_FINITE)) == [3, 69]
    assert np.isfinite(outputs.values).all()
    assert outputs.messages[3] == "NaN in output 'logits'"


def damaged(kind: str, path: Path) -> None:
    linear_onnx(path)
    content = path.read_bytes()
    match kind:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "truncated":
            path.write_bytes(content[: len(content) // 2])
        case "one byte short":
            path.write_bytes(content[:-1])
        case "text":
            path.write_text("this is not a model, honestly\n" * 20)
        case "png":
            path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
        case "zip":
            path.write_bytes(b"PK\x03\x04" + bytes(200))
        case "html":
            path.write_text("<!DOCTYPE html><html><body>404</body></html>")
        case "folder":
            path.unlink()
            path.mkdir()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", r"there is no ONNX model .*m\.onnx; paths are relative to the suite file"),
        ("empty", r"m\.onnx is empty"),
        ("truncated", "is not an ONNX model, or is truncated"),
        ("one byte short", "is not an ONNX model, or is truncated"),
        ("text", "is not an ONNX model, or is truncated"),
        ("png", "is not an ONNX model, or is truncated"),
        ("zip", "is not an ONNX model, or is truncated"),
        ("html", "is not an ONNX model, or is truncated"),
        ("folder", "is not a file"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path: Path, numbers: MemoryDataset, kind: str, message: str) -> None:
    damaged(kind, tmp_path / "m.onnx")
    spec = onnx_spec("m.onnx", X)
    for what in (lambda: gathered(spec, tmp_path, numbers), lambda: observer().fingerprint(spec, tmp_path)):
        with pytest.raises(ModelError, match=message) as caught:
            what()
        assert "\n" not in str(caught.value)


def test_an_operator_set_from_the_future(tmp_path: Path, numbers: MemoryDataset) -> None:
    linear_onnx(tmp_path / "m.onnx", opset=99)
    with pytest.raises(ModelError, match="operator set this ONNX Runtime does not know"):
        gathered(onnx_spec("m.onnx", X), tmp_path, numbers)


def test_an_unknown_provider_lists_those_there_are(tmp_path: Path, numbers: MemoryDataset) -> None:
    linear_onnx(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"'CUDAExecutionProvidr' is not available here; available: .*CPUExecutionProvider"):
        gathered(onnx_spec("m.onnx", X, providers=("CUDAExecutionProvidr",)), tmp_path, numbers)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (OutputSpec(OutputType.LOGITS, Task.MULTICLASS, labels=("a", "b")), r"has shape \(batch, 3\), but there are 2 labels \(a, b\)"),
        (OutputSpec(OutputType.LOGITS, Task.MULTICLASS), "nothing says which label each column of its logits stands for"),
        (OutputSpec(OutputType.LOGITS, Task.MULTICLASS, name="logit", labels=("a", "b", "c")), "no output 'logit'; did you mean 'logits'"),
        (OutputSpec(OutputType.PROBABILITIES, Task.MULTICLASS, labels=("a", "b", "c")), "is no probability; declare type: logits"),
        (OutputSpec(OutputType.SCORE, Task.RANKING, group="g"), "expected one score per example"),
        (OutputSpec(OutputType.LABEL, Task.MULTICLASS, labels=("a", "b", "c")), "expected one label per example"),
        (None, "nothing says what its output means"),
    ],
)
def test_outputs_that_do_not_fit(tmp_path: Path, numbers: MemoryDataset, output: OutputSpec | None, message: str) -> None:
    linear_onnx(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=message):
        gathered(onnx_spec("m.onnx", X, output), tmp_path, numbers)


def test_half_precision_is_read_as_float32(tmp_path: Path, numbers: MemoryDataset) -> None:
    linear_onnx(tmp_path / "m.onnx", dtype=TensorProto.FLOAT16)
    outputs = gathered(onnx_spec("m.onnx", X), tmp_path, numbers)
    assert outputs.values.dtype == np.float32
    np.testing.assert_allclose(outputs.values, expected_linear(matrix(numbers)), rtol=5e-3, atol=5e-3)


def test_string_tensors_and_string_labels(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["text"], ["label"])],
        "echo",
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["batch"])],
        [helper.make_tensor_value_info("label", TensorProto.STRING, ["batch"])],
    )
    save(graph, tmp_path / "m.onnx")
    dataset = MemoryDataset({"id": ["1", "2", "3"], "t": ["a", "zebra", "b"], "y": ["a", "b", "b"]})
    spec = onnx_spec("m.onnx", (InputSpec("text", ("t",)),), OutputSpec(OutputType.LABEL, Task.MULTICLASS))
    outputs = gathered(spec, tmp_path, dataset)
    assert outputs.labels == ("a", "b")
    assert outputs.values.tolist() == [0, -1, 1]


def test_an_empty_data_set_gives_nothing(tmp_path: Path) -> None:
    linear_onnx(tmp_path / "m.onnx")
    table = pa.table(
        {"id": pa.array([], pa.string()), "u": pa.array([], pa.float64()), "v": pa.array([], pa.float64()), "y": pa.array([], pa.string())}
    )
    assert list(observer().observe(onnx_spec("m.onnx", X), tmp_path, MemoryDataset(table))) == []


@pytest.mark.parametrize("level", ["disable", "basic", "extended", "all"])
def test_every_graph_optimisation_and_thread_count_gives_the_same(tmp_path: Path, numbers: MemoryDataset, level: str) -> None:
    linear_onnx(tmp_path / "m.onnx")
    spec = onnx_spec("m.onnx", X, graph_optimization=level, threads=2)
    np.testing.assert_allclose(gathered(spec, tmp_path, numbers).values, expected_linear(matrix(numbers)), rtol=1e-5, atol=1e-6)
    assert observer().fingerprint(spec, tmp_path) != observer().fingerprint(onnx_spec("m.onnx", X), tmp_path)


def test_labels_in_another_order_are_brought_into_one(tmp_path: Path) -> None:
    linear_onnx(tmp_path / "m.onnx")
    two = OutputSpec(OutputType.LOGITS, Task.BINARY, name="logits", labels=("yes", "no"), positive="yes")
    weights = np.array([[1, -1], [0, 2]], np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["logits"])],
        "two",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(weights, "w")],
    )
    save(graph, tmp_path / "two.onnx")
    dataset = MemoryDataset({"id": ["p", "q"], "u": [1.0, 2.0], "v": [3.0, 0.0], "y": ["yes", "no"]})
    outputs = gathered(onnx_spec("two.onnx", X, two), tmp_path, dataset)
    assert outputs.labels == ("no", "yes")
    model_order = np.array([[1.0, 3.0], [2.0, 0.0]], np.float32) @ weights
    np.testing.assert_allclose(outputs.values, model_order[:, ::-1])

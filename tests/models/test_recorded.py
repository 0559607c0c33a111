"""Recorded outputs: formats, ids, labels and scores."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from harness import wiring
from harness.arrays.outputs import RowStatus
from harness.core.estimate import Figure
from harness.core.models import OutputSpec, OutputType, Task
from harness.core.outcome import Outcome
from harness.engine.tools import Options
from harness.errors import ModelError
from tests.models.fakes import MemoryDataset, gathered, observer, outputs_spec

ROWS = [("p", "a"), ("q", "b"), ("r", "a"), ("s", "c")]


@pytest.fixture
def dataset() -> MemoryDataset:
    return MemoryDataset({"id": ["p", "q", "r", "s"], "y": ["a", "b", "b", "c"]})


def write(path: Path, rows: list[tuple[str, str]], name: str = "int8") -> Path:
    """The rows in the format that the name says."""
    records = [{"id": key, name: value} for key, value in rows]
    match path.name.removesuffix(".gz").rpartition(".")[2]:
        case "csv" | "tsv" as kind:
            separator = "," if kind == "csv" else "\t"
            content = "".join(separator.join(pair) + "\n" for pair in [("id", name), *rows]).encode()
        case "jsonl":
            content = "".join(json.dumps(record) + "\n" for record in records).encode()
        case "json":
            content = json.dumps(records).encode()
        case "parquet":
            pl.DataFrame(records).write_parquet(path)
            content = path.read_bytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize(
    "name", ["r.csv", "r.tsv", "r.jsonl", "r.json", "r.parquet", "r.csv.gz", "r.tsv.gz", "r.jsonl.gz", "r.json.gz", "r.parquet.gz"]
)
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
def test_every_format_in_every_order(tmp_path: Path, dataset: MemoryDataset, name: str, order: list[int]) -> None:
    write(tmp_path / name, [ROWS[place] for place in order])
    said: list[str] = []
    outputs = gathered(outputs_spec(path=name, prediction="int8"), tmp_path, dataset, said)
    assert outputs.labels == ("a", "b", "c")
    assert outputs.values.tolist() == [0, 1, 0, 2]
    assert outputs.values.dtype == np.int32
    assert outputs.ok.all()
    assert said == []


def test_a_missing_prediction_is_wrong_counted_and_named(tmp_path: Path, dataset: MemoryDataset) -> None:
    (tmp_path / "r.csv").write_text('id,int8\nq,b\nextra,a\ns,""\np,a\nmore,b\n')
    said: list[str] = []
    outputs = gathered(outputs_spec(path="r.csv", prediction="int8"), tmp_path, dataset, said)
    assert outputs.status.tolist() == [RowStatus.OK, RowStatus.OK, RowStatus.MISSING, RowStatus.MISSING]
    assert outputs.values.tolist() == [0, 1, 0, 0]
    assert said == [
        f"{tmp_path}/r.csv has no answer for 1 of 4 examples ('r'); each counts as wrong",
        f"{tmp_path}/r.csv has 2 ids that are not in the data set; they are ignored",
    ]


def test_only_an_empty_field_is_missing(tmp_path: Path) -> None:
    dataset = MemoryDataset({"id": ["1", "2", "3", "4"], "y": ["NA", "nan", "null", "no"]})
    (tmp_path / "r.csv").write_text("id,int8\n1,NA\n2,nan\n3,null\n4,no\n")
    outputs = gathered(outputs_spec(path="r.csv", prediction="int8"), tmp_path, dataset)
    assert outputs.ok.all()
    assert [outputs.labels[code] for code in outputs.values] == ["NA", "nan", "null", "no"]


def test_a_prediction_outside_the_labels_is_wrong_and_told(tmp_path: Path, dataset: MemoryDataset) -> None:
    write(tmp_path / "r.csv", [("p", "a"), ("q", "zebra"), ("r", "A"), ("s", "c")])
    said: list[str] = []
    outputs = gathered(outputs_spec(path="r.csv", prediction="int8"), tmp_path, dataset, said)
    assert outputs.values.tolist() == [0, -1, -1, 2]
    assert outputs.ok.all()
    assert said == [f"model 'm': {tmp_path}/r.csv holds 2 answers that are none of the 3 labels; each counts as wrong"]


def test_ids_and_labels_are_compared_as_text(tmp_path: Path) -> None:
    dataset = MemoryDataset({"id": pa.array([3, 1, 2], pa.int64()), "y": ["0", "1", "1"]})
    pl.DataFrame({"id": [1, 2, 3], "int8": [1, 0, 0]}).write_parquet(tmp_path / "r.parquet")
    assert gathered(outputs_spec(path="r.parquet", prediction="int8"), tmp_path, dataset).values.tolist() == [0, 1, 0]


def test_another_id_column(tmp_path: Path, dataset: MemoryDataset) -> None:
    (tmp_path / "r.csv").write_text("key,int8\np,a\nq,b\nr,b\ns,c\n")
    with pytest.raises(ModelError, match="has no column 'id'; it has key, int8"):
        gathered(outputs_spec(path="r.csv", prediction="int8"), tmp_path, dataset)
    assert gathered(outputs_spec(path="r.csv", prediction="int8", id="key"), tmp_path, dataset).ok.all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"r\.csv is empty"),
        ("id,int8\n", "holds no rows"),
        ("id,int9\np,a\n", "has no column 'int8'; did you mean 'int9'"),
        ("id,int8\np,a\nq,b\np,c\nr,a\nq,a\n", r"id 'p' is recorded more than once, in rows 1, 3 \(2 rows too many in all\)"),
        ("id,int8\np,a\n,b\nr,c\n", "column 'id' has no id in row 2"),
        ("id,int8\nx,a\nz,b\n", "none of its ids is in the data set: it has 'x', 'z', the data has 'p', 'q', 'r', …"),
        ("id,int8\np,a,b\n", "cannot be read as csv"),
        (b"id,int8\np,\xff\xfe\n", "cannot be read as csv: .*utf-8"),
    ],
)
def test_a_recording_that_is_wrong(tmp_path: Path, dataset: MemoryDataset, content: str | bytes, message: str) -> None:
    (tmp_path / "r.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ModelError, match=message) as caught:
        gathered(outputs_spec(path="r.csv", prediction="int8"), tmp_path, dataset)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.csv.gz", gzip.compress(b"id,int8\np,a\n" * 100, mtime=0)[:-20], "cannot be read as csv"),
        ("r.parquet", b"PAR1 nothing", "cannot be read as parquet"),
        ("r.json", b"{", "cannot be read as json"),
        ("r.xlsx", b"PK", "csv, tsv, jsonl, json or parquet, also with .gz; not 'xlsx'"),
        ("r", b"id,int8\n", "not 'a file without ending'"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, dataset: MemoryDataset, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=message):
        gathered(outputs_spec(path=name, prediction="int8"), tmp_path, dataset)


def test_a_missing_file(tmp_path: Path, dataset: MemoryDataset) -> None:
    spec = outputs_spec(path="r.csv", prediction="int8")
    with pytest.raises(ModelError, match=r"there is no file of recorded outputs .*r\.csv"):
        gathered(spec, tmp_path, dataset)
    with pytest.raises(ModelError, match="there is no file of recorded outputs"):
        observer().fingerprint(spec, tmp_path)


def test_a_data_set_without_ids(tmp_path: Path) -> None:
    write(tmp_path / "r.csv", ROWS)
    dataset = MemoryDataset({"y": ["a", "b", "b", "c"]}, id_column=None)
    with pytest.raises(ModelError, match="recorded outputs are found by id"):
        gathered(outputs_spec(path="r.csv", prediction="int8"), tmp_path, dataset)


def scores(tmp_path: Path) -> MemoryDataset:
    (tmp_path / "r.csv").write_text("id,sb,sa,p\nq,0.25,0.75,0.1\np,0.9,0.1,0.8\nr,,0.5,\ns,nan,1,inf\n")
    return MemoryDataset({"id": ["p", "q", "r", "s"], "y": ["a", "b", "b", "a"]})


def test_scores_name_their_labels(tmp_path: Path) -> None:
    dataset = scores(tmp_path)
    output = OutputSpec(OutputType.PROBABILITIES, Task.MULTICLASS, labels=("a", "b"))
    outputs = gathered(outputs_spec(output, path="r.csv", scores={"b": "sb", "a": "sa"}), tmp_path, dataset)
    np.testing.assert_allclose(outputs.values, [[0.1, 0.9], [0.75, 0.25], [0, 0], [0, 0]])
    assert outputs.status.tolist() == [RowStatus.OK, RowStatus.OK, RowStatus.MISSING, RowStatus.NOT_FINITE]
    own = OutputSpec(OutputType.PROBABILITIES, Task.MULTICLASS)
    outputs = gathered(outputs_spec(own, path="r.csv", scores={"b": "sb", "a": "sa"}), tmp_path, dataset)
    assert outputs.labels == ("b", "a")
    np.testing.assert_allclose(outputs.values[0], [0.9, 0.1])


def test_one_score_of_a_binary_task(tmp_path: Path) -> None:
    dataset = scores(tmp_path)
    output = OutputSpec(OutputType.PROBABILITIES, Task.BINARY, positive="a")
    outputs = gathered(outputs_spec(output, path="r.csv", score="p"), tmp_path, dataset)
    assert outputs.labels == ("b", "a")
    np.testing.assert_allclose(outputs.values, [[0.2, 0.8], [0.9, 0.1], [0, 0], [0, 0]], atol=1e-12)
    assert outputs.status.tolist() == [RowStatus.OK, RowStatus.OK, RowStatus.MISSING, RowStatus.NOT_FINITE]


def test_values_of_a_regression(tmp_path: Path) -> None:
    dataset = scores(tmp_path)
    output = OutputSpec(OutputType.VALUES, Task.REGRESSION)
    outputs = gathered(outputs_spec(output, path="r.csv", prediction="p"), tmp_path, dataset)
    assert outputs.values.tolist() == [0.8, 0.1, 0, 0]
    assert outputs.status.tolist() == [RowStatus.OK, RowStatus.OK, RowStatus.MISSING, RowStatus.NOT_FINITE]


@pytest.mark.parametrize(
    ("output", "columns", "message"),
    [
        (OutputSpec(OutputType.LABEL, Task.MULTICLASS), {"score": "p"}, "name the column of labels with prediction:"),
        (OutputSpec(OutputType.LOGITS, Task.MULTICLASS, labels=("a", "c")), {"scores": {"a": "sa", "b": "sb"}}, "no column for label 'c'"),
        (OutputSpec(OutputType.LOGITS, Task.MULTICLASS, labels=("a",)), {"scores": {"a": "sa", "b": "sb"}}, "an unknown label 'b'"),
        (OutputSpec(OutputType.VALUES, Task.REGRESSION), {"prediction": "id"}, "column 'id' holds 'p', which is not a number"),
        (
            OutputSpec(OutputType.PROBABILITIES, Task.MULTICLASS, labels=("a", "b")),
            {"scores": {"a": "sa", "b": "p"}},
            "sum to 0.85 instead",
        ),
        (None, {"score": "p"}, "nothing says what its output means"),
    ],
)
def test_recorded_scores_that_do_not_fit(tmp_path: Path, output: OutputSpec | None, columns: dict[str, object], message: str) -> None:
    dataset = scores(tmp_path)
    with pytest.raises(ModelError, match=message):
        gathered(outputs_spec(output, path="r.csv", **columns), tmp_path, dataset)


def test_a_resumed_reading_gives_the_rest(tmp_path: Path, dataset: MemoryDataset) -> None:
    write(tmp_path / "r.csv", ROWS)
    assert gathered(outputs_spec(path="r.csv", prediction="int8"), tmp_path, dataset, start=2).values.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("values", "expected"), [(["1000", "2500", ""], 2500), (["1.5MB", "900KB", "1MB"], 1_500_000), (["", "", ""], None)]
)
def test_peak_memory_measured_elsewhere(tmp_path: Path, values: list[str], expected: int | None) -> None:
    dataset = MemoryDataset({"id": ["p", "q", "r"], "y": ["a", "b", "b"]})
    lines = [f"{key},a,{value}" for key, value in zip("pqr", values, strict=True)]
    (tmp_path / "r.csv").write_text("id,int8,mem\n" + "\n".join(lines) + "\n")
    footprint = observer().footprint(outputs_spec(path="r.csv", prediction="int8", peak_memory="mem"), tmp_path, dataset)
    assert footprint.peak_memory == expected
    assert footprint.disk_bytes is None
    assert observer().footprint(outputs_spec(path="r.csv", prediction="int8"), tmp_path, dataset).peak_memory is None


@pytest.mark.parametrize(
    ("values", "expected"), [(["12.5", " 10", "40"], 0.0125), (["10", "", "20"], 0.015), (["0", "0", "1e3"], 0.0), (["", "", ""], None)]
)
def test_latency_measured_elsewhere_is_the_median_in_seconds(tmp_path: Path, values: list[str], expected: float | None) -> None:
    dataset = timed(tmp_path, values)
    assert (
        observer().footprint(outputs_spec(path="r.csv", prediction="int8", latency_ms="ms"), tmp_path, dataset).latency_seconds == expected
    )
    assert observer().footprint(outputs_spec(path="r.csv", prediction="int8"), tmp_path, dataset).latency_seconds is None


@pytest.mark.parametrize("value", ["12 ms", "nan", "inf", "-1", "12,5"])
def test_a_latency_that_is_not_a_number_names_its_example(tmp_path: Path, value: str) -> None:
    dataset = timed(tmp_path, ["1", f'"{value}"', "x"])
    with pytest.raises(ModelError, match=f"column 'ms' holds '{value}' for example 'q', which is not a number of milliseconds"):
        observer().footprint(outputs_spec(path="r.csv", prediction="int8", latency_ms="ms"), tmp_path, dataset)


def timed(folder: Path, values: list[str]) -> MemoryDataset:
    """A recording of p, q and r with the latencies `values`, written in another order than the data's."""
    lines = [f"{key},a,{value}" for key, value in zip("pqr", values, strict=True)]
    (folder / "r.csv").write_text("id,int8,ms\n" + "\n".join(reversed(lines)) + "\n")
    return MemoryDataset({"id": ["p", "q", "r"], "y": ["a", "b", "b"]})


SUITE = """\
schema: 1
suite: recorded
original: {outputs: runs.csv, prediction: answer, latency_ms: fp32_ms, peak_memory: memory}
data: {test: {source: data.csv, id: id, target: label}}
candidates:
  int8: {outputs: runs.csv, prediction: answer, latency_ms: int8_ms, peak_memory: memory}
checks:
  weight: {kind: footprint, max_peak_memory: 1MB}
"""


def test_a_recorded_suite_shows_the_latency_from_the_recording_and_from_the_store(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "data.csv").write_text("id,label\np,a\nq,b\nr,a\n")
    (tmp_path / "runs.csv").write_text("id,answer,fp32_ms,int8_ms,memory\np,a,10,4,1KB\nq,b,30,,1KB\nr,a,20,3,2KB\n")
    suite = wiring.load(tmp_path / "suite.yaml")
    for gather in (True, False):
        session = wiring.session(suite, wiring.find_project(suite.path, tmp_path), Options(run_id="test", gather=gather))
        verdict = session.verdicts("int8", "weight")[0]
        figures = {figure.name: figure for figure in verdict.figures}
        assert verdict.outcome is Outcome.PASS
        assert figures["recorded latency (median)"] == Figure("recorded latency (median)", 0.02, 0.0035, "s")
    renamed = SUITE.replace("int8_ms", "fp32_ms")
    (tmp_path / "suite.yaml").write_text(renamed)
    suite = wiring.load(tmp_path / "suite.yaml")
    session = wiring.session(suite, wiring.find_project(suite.path, tmp_path), Options(run_id="test"))
    assert {figure.candidate for figure in session.verdicts("int8", "weight")[0].figures if "latency" in figure.name} == {0.02}


def test_the_identity_is_the_content_and_the_columns(tmp_path: Path) -> None:
    write(tmp_path / "r.csv", ROWS)
    (tmp_path / "copy.csv").write_bytes((tmp_path / "r.csv").read_bytes())
    fingerprint = observer().fingerprint
    first = fingerprint(outputs_spec(path="r.csv", prediction="int8"), tmp_path)
    assert first == fingerprint(outputs_spec(path="copy.csv", prediction="int8"), tmp_path)
    assert first != fingerprint(outputs_spec(path="r.csv", prediction="id"), tmp_path)
    write(tmp_path / "r.csv", ROWS[:3])
    assert first != fingerprint(outputs_spec(path="r.csv", prediction="int8"), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("shuffled", [False, True])
def test_a_million_rows_are_aligned(tmp_path: Path, shuffled: bool) -> None:
    rows = 1_000_000
    generator = np.random.default_rng(0)
    ids = np.char.add("example-", np.arange(rows).astype(str))
    codes = generator.integers(0, 40, rows)
    dataset = MemoryDataset({"id": ids, "y": np.char.add("l", codes.astype(str))})
    order = generator.permutation(rows) if shuffled else np.arange(rows)
    pl.DataFrame({"id": ids[order], "int8": np.char.add("l", codes.astype(str))[order]}).write_csv(tmp_path / "r.csv")
    outputs = gathered(outputs_spec(path="r.csv", prediction="int8"), tmp_path, dataset)
    targets = dataset.targets(outputs.spec)
    np.testing.assert_array_equal(outputs.values, targets.values)

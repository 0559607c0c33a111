"""`harness init`: a suite that runs, or a list of what is missing."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save
from tokenizers import Tokenizer, models, pre_tokenizers

from harness import wiring
from harness.checks.quality import QualityParameters
from harness.core.models import OutputType, Task
from harness.core.suite import Suite
from tests.cli.door import Door
from tests.cli.material import LANGUAGES, NEARLY_RIGHT, RIGHT, linear, write_people

GOOD, BAD, OTHER = ("good", "fine"), ("bad", "dull"), ("film", "book", "meal", "trip", "play")


@pytest.fixture
def income(project: Path) -> Path:
    linear(project / "income.onnx", RIGHT)
    linear(project / "income.int8.onnx", NEARLY_RIGHT)
    write_people(project / "people.csv")
    return project


def loaded(path: str) -> Suite:
    return wiring.load(Path(path))


def margin(suite: Suite) -> str:
    parameters = suite.checks[0].parameters
    assert isinstance(parameters, QualityParameters)
    return str(parameters.max_drop)


def test_two_models_and_a_csv(income: Path, harness: Door) -> None:
    said = harness("init", "income.onnx", "income.int8.onnx", "people.csv", "--yes", "--target", "income")
    assert said.status == 0
    assert "harness run suites/income.yaml" in said.out
    suite = loaded("suites/income.yaml")
    (made,) = suite.original.inputs
    assert (made.tensor, made.columns) == ("features", ("age", "hours"))
    output = suite.original.output
    assert output is not None
    # MatMul gives logits, and 0 and 1 say themselves which is which.
    assert (output.type, output.task, output.labels, output.positive) == (OutputType.LOGITS, Task.BINARY, ("0", "1"), "1")
    data = suite.data["test"]
    assert (data.id, data.target, [segmentation.name for segmentation in data.segments]) == ("person_id", "income", ["sex"])
    assert [model.name for model in suite.candidates] == ["int8"]
    # 1,000 examples prove 1.9pp at 5 % flips with 80 %: the next half point is 2.
    assert margin(suite) == "2pp"
    assert 10 <= len([line for line in Path("suites/income.yaml").read_text().splitlines() if line.strip()]) <= 26
    assert harness("run").status == 0


def test_what_cannot_be_known_is_listed_at_once(income: Path, harness: Door) -> None:
    text = (income / "people.csv").read_text().replace("income", "rich", 1)
    (income / "people.csv").write_text(text)
    said = harness("init", "income.onnx", "income.int8.onnx", "people.csv", "--yes")
    assert said.status == 2
    assert "--target: Which column holds the right answers? One of: age, hours, sex, rich" in said.err
    assert list((income / "suites").iterdir()) == []


def test_too_many_columns_must_be_named_in_order(income: Path, harness: Door) -> None:
    rows = (income / "people.csv").read_text().splitlines()
    (income / "people.csv").write_text("\n".join([rows[0] + ",height", *(f"{row},{number}" for number, row in enumerate(rows[1:]))]) + "\n")
    command = ["init", "income.onnx", "income.int8.onnx", "people.csv", "--yes", "--target", "income"]
    said = harness(*command)
    assert said.status == 2
    assert "the model takes 2 per example" in said.err
    assert "age, hours, height" in said.err
    assert harness(*command, "--column", "hours", "--column", "age").status == 0
    assert loaded("suites/income.yaml").original.inputs[0].columns == ("hours", "age")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--target", "incme"], "did you mean 'income'?"),
        (["--target", "income", "--task", "ranking"], "--task ranking"),
        (["--target", "income", "--id", "nobody"], "'nobody' is not there"),
        (["--target", "income", "--labels", "a,b,c"], "3 labels were given, and output 'logits' has 2 columns"),
        (["--target", "income", "--labels", "a,b"], "the target 'income' has values that are none of the 2 labels (0, 1)"),
        (["--target", "income", "--label-file", "none.txt"], "the label file none.txt cannot be read"),
        (["--target", "income", "--positive", "2"], "--positive 2"),
    ],
)
def test_wrong_wishes(income: Path, harness: Door, arguments: list[str], sentence: str) -> None:
    said = harness("init", "income.onnx", "income.int8.onnx", "people.csv", "--yes", *arguments)
    assert said.status == 2
    assert sentence in said.err


@pytest.mark.parametrize(
    ("original", "candidate", "data", "sentence"),
    [
        ("none.onnx", "income.int8.onnx", "people.csv", "there is no model file none.onnx"),
        ("income.onnx", "broken.onnx", "people.csv", "broken.onnx is not an ONNX model"),
        ("income.onnx", "people.csv", "people.csv", "people.csv is not an .onnx file"),
        ("income.onnx", "other.onnx", "people.csv", "other.onnx has the inputs x"),
        ("income.onnx", "income.int8.onnx", "none.csv", "there is no data file none.csv"),
        ("income.onnx", "income.int8.onnx", "empty.csv", "empty.csv"),
    ],
)
def test_wrong_files(income: Path, harness: Door, original: str, candidate: str, data: str, sentence: str) -> None:
    (income / "broken.onnx").write_bytes((income / "income.onnx").read_bytes()[:40])
    (income / "empty.csv").write_text("person_id,age,hours,sex,income\n")
    linear(income / "other.onnx", RIGHT, inputs="x")
    said = harness("init", original, candidate, data, "--yes", "--target", "income")
    assert said.status == 2
    assert sentence in said.err


def test_a_suite_that_is_there_stays(income: Path, harness: Door) -> None:
    command = ["init", "income.onnx", "income.int8.onnx", "people.csv", "--yes", "--target", "income"]
    assert harness(*command).status == 0
    Path("suites/income.yaml").write_text("mine\n")
    said = harness(*command)
    assert said.status == 2
    assert "--force" in said.err
    assert Path("suites/income.yaml").read_text() == "mine\n"
    assert harness(*command, "--force").status == 0


def test_softmax_means_probabilities_and_names_need_labels(project: Path, harness: Door) -> None:
    linear(project / "m.onnx", RIGHT, output="answer", softmax=True)
    linear(project / "m.q8.onnx", NEARLY_RIGHT, output="answer", softmax=True)
    write_people(project / "people.csv")
    text = (project / "people.csv").read_text()
    (project / "people.csv").write_text(text.replace(",0\n", ",poor\n").replace(",1\n", ",rich\n"))
    command = ["init", "m.onnx", "m.q8.onnx", "people.csv", "--yes", "--target", "income"]
    said = harness(*command)
    assert said.status == 2
    assert "--labels or --label-file" in said.err
    assert "poor, rich" in said.err
    (project / "labels.txt").write_text("poor\nrich\n")
    assert harness(*command, "--label-file", "labels.txt").status == 0
    output = loaded("suites/m.yaml").original.output
    assert output is not None
    assert (output.type, output.labels) == (OutputType.PROBABILITIES, ("poor", "rich"))
    assert harness("run").status == 0


def write_sentiment(folder: Path) -> None:
    """A bag-of-words model with a tokenizer.json beside it; right on every review."""
    words = [*GOOD, *BAD, *OTHER]
    tokenizer = Tokenizer(
        models.WordLevel({"[PAD]": 0, "[UNK]": 1, **{word: place + 2 for place, word in enumerate(words)}}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()  # type: ignore[assignment]
    tokenizer.save(str(folder / "tokenizer.json"))
    embedding = np.zeros((len(words) + 2, 2), dtype=np.float32)
    embedding[2:4, 1] = 1
    embedding[4:6, 0] = 1
    for name, scale in (("model.onnx", 1), ("model_quantized.onnx", 2)):
        nodes = [
            helper.make_node("Gather", ["E", "input_ids"], ["e"]),
            helper.make_node("Cast", ["attention_mask"], ["m"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["m", "two"], ["m3"]),
            helper.make_node("Mul", ["e", "m3"], ["em"]),
            helper.make_node("ReduceSum", ["em", "one"], ["logits"], keepdims=0),
        ]
        graph = helper.make_graph(
            nodes,
            "bag",
            [helper.make_tensor_value_info(each, TensorProto.INT64, ["batch", "tokens"]) for each in ("input_ids", "attention_mask")],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
            [numpy_helper.from_array(embedding * scale, "E"), _axis("one", 1), _axis("two", 2)],
        )
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(folder / name))


def _axis(name: str, value: int) -> Any:
    return numpy_helper.from_array(np.array([value]), name)


def test_a_text_model_with_its_tokenizer(project: Path, harness: Door) -> None:
    write_sentiment(project)
    random = np.random.default_rng(3)
    with (project / "reviews.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "channel", "label"])
        for row in range(600):
            kind = random.integers(2)
            text = [str(random.choice(GOOD if kind else BAD)), *random.choice(OTHER, size=random.integers(1, 8)), str(row)]
            writer.writerow([row, " ".join(text), ("web", "app", "shop")[row % 3], "pos" if kind else "neg"])
    said = harness("init", "model.onnx", "model_quantized.onnx", "reviews.csv", "-y", "--labels", "neg,pos", "--name", "reviews")
    assert said.status == 0
    suite = loaded("suites/reviews.yaml")
    (made,) = suite.original.inputs
    assert (made.tensor, made.columns, made.tokenizer) == ("input_ids", ("text",), "../tokenizer.json")
    assert [segmentation.name for segmentation in suite.data["test"].segments] == ["channel", "length"]
    assert [model.name for model in suite.candidates] == ["quantized"]
    assert harness("run").status == 0
    assert '"original_value": 1.0' in (project / "reports" / "reviews" / "result.json").read_text()


def test_images_from_npz(project: Path, harness: Door) -> None:
    random = np.random.default_rng(5)
    images = random.integers(0, 255, (400, 4, 4)).astype(np.uint8)
    np.savez(project / "images.npz", image=images, label=(images.mean(axis=(1, 2)) > 127).astype(np.int64))
    for name, scale in (("bright.onnx", 1), ("bright.int8.onnx", 2)):
        weights = np.stack([np.zeros(16), np.ones(16)], axis=1).astype(np.float32) * scale
        bias = np.array([0, -127 * 16 * scale], dtype=np.float32)
        graph = helper.make_graph(
            [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("Gemm", ["f", "W", "b"], ["y"])],
            "bright",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 4, 4])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])],
            [numpy_helper.from_array(weights, "W"), numpy_helper.from_array(bias, "b")],
        )
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(project / name))
    assert harness("init", "bright.onnx", "bright.int8.onnx", "images.npz", "-y").status == 0
    (made,) = loaded("suites/bright.yaml").original.inputs
    assert (made.columns, made.shape) == (("image",), (1, 4, 4))
    assert harness("run").status == 0


def test_a_regression(project: Path, harness: Door) -> None:
    linear(project / "price.onnx", [[2.0], [1.0]], inputs="x", output="y")
    linear(project / "price.int8.onnx", [[1.99], [1.01]], inputs="x", output="y")
    random = np.random.default_rng(11)
    with (project / "flats.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["area", "rooms", "town", "price"])
        for row in range(800):
            area, rooms = random.normal(size=2)
            writer.writerow([area, rooms, ("north", "south")[row % 2], 2 * area + rooms + random.normal() * 0.1])
    assert harness("init", "price.onnx", "price.int8.onnx", "flats.csv", "-y", "--target", "price").status == 0
    output = loaded("suites/price.yaml").original.output
    assert output is not None
    assert (output.task, output.type) == (Task.REGRESSION, OutputType.VALUES)
    assert harness("run").status == 0


def write_model(path: Path, node: str, dtype: int, shape: list[str | int], scale: float) -> None:
    """features → MatMul → `node` → answer."""
    weights = np.asarray(RIGHT if node == "ArgMax" else [[2.0], [2.0]], dtype=np.float32) * np.float32(scale)
    attributes = {"axis": 1, "keepdims": 0} if node == "ArgMax" else {}
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["features", "W"], ["z"]), helper.make_node(node, ["z"], ["answer"], **attributes)],
        "small",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("answer", dtype, shape)],
        [numpy_helper.from_array(weights, "W")],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))


@pytest.mark.parametrize(
    ("node", "dtype", "shape", "kind", "task"),
    [
        ("Sigmoid", TensorProto.FLOAT, ["batch", 1], OutputType.PROBABILITIES, Task.BINARY),
        ("ArgMax", TensorProto.INT64, ["batch"], OutputType.LABEL, Task.MULTICLASS),
    ],
)
def test_one_answer_per_example(
    project: Path, harness: Door, node: str, dtype: int, shape: list[str | int], kind: OutputType, task: Task
) -> None:
    write_model(project / "small.onnx", node, dtype, shape, 1.0)
    write_model(project / "small.int8.onnx", node, dtype, shape, 1.5)
    write_people(project / "people.csv")
    said = harness("init", "small.onnx", "small.int8.onnx", "people.csv", "-y", "--target", "income")
    assert said.status == 0, said.err
    output = loaded("suites/small.yaml").original.output
    assert output is not None
    assert (output.type, output.task) == (kind, task)
    assert harness("run").status == 0
    # Both models are right on every example, or the output was misread.
    assert '"original_value": 1.0' in (project / "reports" / "small" / "result.json").read_text()


def test_recorded_outputs(recorded: Path, harness: Door) -> None:
    (recorded / "suites" / "recorded.yaml").unlink()
    columns = ["--original-column", "fp32", "--candidate-column", "int8", "--candidate-column", "int4"]
    said = harness("init", "--outputs", "runs.csv", "--target", "language", *columns, "--name", "langs", "-y")
    assert said.status == 0
    suite = loaded("suites/langs.yaml")
    assert [model.name for model in suite.candidates] == ["int8", "int4"]
    assert suite.data["test"].id == "id"
    assert [segmentation.name for segmentation in suite.data["test"].segments] == ["kind"]
    assert harness("run").status == 1


def test_recorded_outputs_without_columns(recorded: Path, harness: Door) -> None:
    said = harness("init", "--outputs", "runs.csv", "-y")
    assert said.status == 2
    for option in ("--target", "--original-column", "--candidate-column"):
        assert option in said.err


def test_names_that_yaml_would_read_as_something_else(project: Path, harness: Door) -> None:
    with (project / "runs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label: true", "no", "yes #1", "#"])
        writer.writerows([row, LANGUAGES[row % 4], LANGUAGES[row % 4], LANGUAGES[row % 4], ("on", "off")[row % 2]] for row in range(200))
    columns = ["--original-column", "no", "--candidate-column", "yes #1", "--target", "label: true", "--segment", "#"]
    said = harness("init", "--outputs", "runs.csv", *columns, "-y", "--name", "odd")
    assert said.status == 0, said.err
    assert harness("run").status == 0


def test_a_few_examples_prove_nothing_and_it_says_so(project: Path, harness: Door) -> None:
    with (project / "runs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label", "fp32", "int8"])
        writer.writerows([row, "ab"[row % 2], "ab"[row % 2], "ab"[row % 2]] for row in range(2))
    columns = ["--original-column", "fp32", "--candidate-column", "int8", "--target", "label"]
    assert harness("init", "--outputs", "runs.csv", *columns, "-y").status == 0
    assert "this check only warns" in Path("suites/runs.yaml").read_text()


def test_it_needs_files(project: Path, harness: Door) -> None:
    said = harness("init")
    assert said.status == 2
    assert "harness init ORIGINAL.onnx CANDIDATE.onnx DATA.csv" in said.err

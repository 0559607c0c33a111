"""`harness init`: a suite that runs, or a list of what is missing."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, load, numpy_helper, save

from harness import wiring
from harness.checks.quality import QualityParameters
from harness.core.models import OutputType, Task
from harness.core.suite import Suite
from tests.cli.door import Door
from tests.cli.material import LANGUAGES, NEARLY_RIGHT, RIGHT, WRONG, linear, write_people
from tests.cli.sentiment import write_reviews, write_sentiment


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
    assert 10 <= len([line for line in Path("suites/income.yaml").read_text().splitlines() if line.strip()]) <= 28
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


def test_a_text_model_with_its_tokenizer(project: Path, harness: Door) -> None:
    write_sentiment(project)
    write_reviews(project / "reviews.csv")
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
        ("ArgMax", TensorProto.INT64, ["batch"], OutputType.LABEL, Task.BINARY),
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


COMMAND = ("init", "income.onnx", "income.int8.onnx", "people.csv", "--yes")


def add_columns(path: Path, *names: str) -> None:
    rows = path.read_text().splitlines()
    extra = [",".join([row, *(f"{number}.5" for _ in names)]) for number, row in enumerate(rows[1:])]
    path.write_text("\n".join([",".join([rows[0], *names]), *extra]) + "\n")


@pytest.mark.parametrize(
    "options",
    [
        ("--column", "age,hours"),
        ("--column", "age", "--column", "hours"),
        ("--except", "height,weight"),
        ("--except", "height", "--except", "weight"),
    ],
)
def test_columns_by_commas_and_by_exception(income: Path, harness: Door, options: tuple[str, ...]) -> None:
    add_columns(income / "people.csv", "height", "weight")
    said = harness(*COMMAND, "--target", "income", *options)
    assert said.status == 0, said.err
    assert loaded("suites/income.yaml").original.inputs[0].columns == ("age", "hours")


def test_a_column_whose_name_holds_a_comma(income: Path, harness: Door) -> None:
    path = income / "people.csv"
    path.write_text(path.read_text().replace("age,hours", '"age, years",hours', 1))
    assert harness(*COMMAND, "--target", "income", "--column", "age, years", "--column", "hours").status == 0
    assert loaded("suites/income.yaml").original.inputs[0].columns == ("age, years", "hours")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--except", "heigt"), "--except heigt: 'heigt' is not there; did you mean 'height'?"),
        (("--except", "height", "--column", "age,hours"), "--column and --except exclude each other"),
        (("--column", "age,hourz"), "did you mean 'hours'?"),
    ],
)
def test_wrong_exceptions(income: Path, harness: Door, options: tuple[str, ...], sentence: str) -> None:
    add_columns(income / "people.csv", "height")
    said = harness(*COMMAND, "--target", "income", *options)
    assert said.status == 2
    assert sentence in said.err


@pytest.mark.parametrize("content", [None, "{}", "no json"])
def test_a_tokenizer_that_cannot_be_read(project: Path, harness: Door, content: str | None) -> None:
    write_sentiment(project)
    write_reviews(project / "reviews.csv")
    if content is not None:
        (project / "nope.json").write_text(content)
    said = harness("init", "model.onnx", "model_quantized.onnx", "reviews.csv", "-y", "--labels", "neg,pos", "--tokenizer", "nope.json")
    assert said.status == 2
    assert "--tokenizer nope.json" in said.err
    assert not list((project / "suites").iterdir())


def test_everything_that_is_missing_in_one_round(project: Path, harness: Door) -> None:
    write_sentiment(project)
    write_reviews(project / "reviews.csv")
    (project / "tokenizer.json").unlink()
    (project / "reviews.csv").write_text((project / "reviews.csv").read_text().replace("label", "mood", 1))
    (project / "suites" / "model.yaml").write_text("mine")
    said = harness("init", "model.onnx", "model_quantized.onnx", "reviews.csv", "-y", "--segment", "chanel", "--id", "idd")
    assert said.status == 2
    for part in ("--force", "--target", "--tokenizer", "--labels", "did you mean 'channel'?", "--id idd"):
        assert part in said.err, part


def test_a_segment_of_many_numbers_is_binned(income: Path, harness: Door) -> None:
    assert harness(*COMMAND, "--target", "income", "--segment", "sex,age").status == 0
    assert [segmentation.name for segmentation in loaded("suites/income.yaml").data["test"].segments] == ["sex", "age"]
    harness("run")
    # 1,000 examples in four bins of as many each.
    verdicts = json.loads((income / "reports" / "income" / "result.json").read_text())["verdicts"]
    assert [v["n"] for v in verdicts if v["segment"] and "age" in v["segment"]] == [250] * 4


def test_the_original_is_tried_and_nothing_of_it_is_kept(income: Path, harness: Door) -> None:
    said = harness(*COMMAND, "--target", "income")
    assert "the original is right on 100.0 % of 200 rows" in said.out
    assert "WARNING" not in said.err
    assert not (income / ".harness" / "evidence").exists()


def test_labels_in_another_order_are_noticed(income: Path, harness: Door) -> None:
    linear(income / "income.onnx", WRONG)
    said = harness(*COMMAND, "--target", "income")
    assert said.status == 0
    assert "the original is right on 0.0 % of 200 rows" in said.out
    assert "WARNING: guessing would do better" in said.err
    assert "labels in the order of the model's output" in said.err


def test_an_original_that_cannot_answer_stops_nothing(income: Path, harness: Door) -> None:
    for name in ("income.onnx", "income.int8.onnx"):
        model = load(str(income / name))
        model.graph.node[0].op_type = "NoSuchOperator"
        save(model, str(income / name))
    said = harness(*COMMAND, "--target", "income", "--output-type", "logits")
    assert said.status == 0
    assert "could not be tried" in said.err
    assert (income / "suites" / "income.yaml").is_file()


def test_recorded_outputs_are_tried_too(recorded: Path, harness: Door) -> None:
    columns = ["--original-column", "fp32", "--candidate-column", "int8,int4", "--target", "language"]
    said = harness("init", "--outputs", "runs.csv", *columns, "--name", "langs", "-y")
    assert said.status == 0, said.err
    found = re.search(r"right on ([\d.]+) % of 200 rows", said.out)
    # Nine of ten by construction; the 200 rows are a sample.
    assert found is not None
    assert 80 <= float(found[1]) <= 100


def test_a_smaller_candidate_is_held_to_its_size(project: Path, harness: Door) -> None:
    write_people(project / "people.csv")
    for name, padding in (("income.onnx", 100_000), ("income.int8.onnx", 26_000)):
        linear(project / name, RIGHT)
        model = load(str(project / name))
        model.doc_string = ""
        model.doc_string = "x" * (padding - model.ByteSize() - 4)
        save(model, str(project / name))
    sizes = [(project / name).stat().st_size for name in ("income.onnx", "income.int8.onnx")]
    assert 0.70 < 1 - sizes[1] / sizes[0] < 0.75
    assert harness(*COMMAND, "--target", "income").status == 0
    assert "footprint: {min_size_reduction: 70%rel}" in Path("suites/income.yaml").read_text()
    assert harness("run").status == 0


def test_a_candidate_that_is_not_smaller_gets_a_comment(income: Path, harness: Door) -> None:
    assert harness(*COMMAND, "--target", "income").status == 0
    assert "# no check of the footprint: the candidate is not smaller on disk" in Path("suites/income.yaml").read_text()


@pytest.mark.parametrize(("file", "name"), [("income-q.onnx", "income-q"), ("income.int8.onnx", "int8")])
def test_the_candidate_has_a_readable_name(income: Path, harness: Door, file: str, name: str) -> None:
    linear(income / file, NEARLY_RIGHT)
    assert harness("init", "income.onnx", file, "people.csv", "--yes", "--target", "income").status == 0
    assert [model.name for model in loaded("suites/income.yaml").candidates] == [name]


def test_the_usage_line(harness: Door) -> None:
    assert "Usage: harness init [OPTIONS] [ORIGINAL] [CANDIDATE] [DATA]" in harness("init", "--help").out
    assert "Usage: harness run [OPTIONS] [PATHS]..." in harness("run", "--help").out

"""What `harness init` finds out about labels, and what it says when it cannot."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from harness import wiring
from harness.core.models import Task
from tests.cli.door import Door
from tests.cli.material import NEARLY_RIGHT, RIGHT, linear, write_people
from tests.scikit_learn import CLASSES, classifier


def write_flowers(path: Path, names: tuple[str, ...]) -> None:
    random = np.random.default_rng(3)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "a", "b", "c", "d", "species"])
        writer.writerows([row, *random.normal(3, 2, 4), names[row % len(names)]] for row in range(300))


def test_labels_are_read_from_the_table_of_a_scikit_learn_classifier(project: Path, harness: Door) -> None:
    for name in ("flowers.onnx", "flowers.int8.onnx"):
        classifier(project / name)
    write_flowers(project / "flowers.csv", CLASSES)
    said = harness("init", "flowers.onnx", "flowers.int8.onnx", "flowers.csv", "-y", "--target", "species")
    assert said.status == 0, said.err
    output = wiring.load(project / "suites" / "flowers.yaml").original.output
    assert output is not None
    assert (output.name, output.labels) == ("probabilities", CLASSES)
    assert "labels as the model itself names them" in said.out


def with_encoder(path: Path) -> None:
    """Probabilities, and the label by a LabelEncoder, whose keys need not be the indices of the probabilities."""
    nodes = [
        helper.make_node("MatMul", ["features", "W"], ["z"]),
        helper.make_node("Softmax", ["z"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["z"], ["index"], axis=1, keepdims=0),
        helper.make_node("LabelEncoder", ["index"], ["label"], domain="ai.onnx.ml", keys_int64s=[0, 1], values_strings=["poor", "rich"]),
    ]
    graph = helper.make_graph(
        nodes,
        "encoded",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 2])],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING, ["batch"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 2]),
        ],
        [numpy_helper.from_array(np.asarray(RIGHT, dtype=np.float32), "W")],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 2)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path))


def write_rich_and_poor(path: Path) -> None:
    write_people(path)
    path.write_text(path.read_text().replace(",0\n", ",poor\n").replace(",1\n", ",rich\n"))


COMMAND = ("init", "m.onnx", "m.int8.onnx", "people.csv", "-y", "--target", "income")


def test_an_output_that_answers_with_labels_is_offered(project: Path, harness: Door) -> None:
    for name in ("m.onnx", "m.int8.onnx"):
        with_encoder(project / name)
    write_rich_and_poor(project / "people.csv")
    said = harness(*COMMAND)
    assert said.status == 2
    assert "--model-output label" in said.err
    said = harness(*COMMAND, "--model-output", "label", "--positive", "rich")
    assert said.status == 0, said.err
    output = wiring.load(project / "suites" / "m.yaml").original.output
    assert output is not None
    assert (output.name, output.task, output.positive) == ("label", Task.BINARY, "rich")
    assert harness("run").status == 0


def test_two_labels_that_say_nothing_are_told_how_to_become_binary(project: Path, harness: Door) -> None:
    linear(project / "m.onnx", RIGHT)
    linear(project / "m.int8.onnx", NEARLY_RIGHT)
    write_rich_and_poor(project / "people.csv")
    said = harness(*COMMAND, "--labels", "poor,rich")
    assert said.status == 0
    assert "give --positive LABEL, which makes it binary" in said.err
    said = harness(*COMMAND, "--labels", "poor,rich", "--force", "--task", "multiclass")
    assert "--positive" not in said.err


def test_labels_that_are_not_shown_are_counted(project: Path, harness: Door) -> None:
    weights = np.zeros((2, 77), dtype=np.float32)
    linear(project / "m.onnx", weights)
    linear(project / "m.int8.onnx", weights)
    with (project / "people.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["age", "hours", "income"])
        writer.writerows([row / 7, row / 3, f"intent {row % 77:02d}"] for row in range(770))
    said = harness(*COMMAND)
    assert said.status == 2
    assert "intent 11 and 65 more." in said.err

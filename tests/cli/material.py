"""Files that the tests' suites are about, made so that what must come out is known from how they were made."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

LANGUAGES = ("bn", "de", "en", "mr")
EACH = 400
"""Examples per language."""


def write_recording(path: Path) -> None:
    """fp32 is right on 9 of 10 examples of every language; int8 says the same; int4 is wrong on all Bengali ones."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "language", "kind", "fp32", "int8", "int4"])
        for language in LANGUAGES:
            for number in range(EACH):
                original = language if number % 10 else LANGUAGES[LANGUAGES.index(language) - 1]
                int4 = original if language != "bn" else "en"
                kind = "city" if number % 2 else "zone"
                writer.writerow([f"{language}-{number}", language, kind, original, original, int4])


def write_recorded_suite(path: Path, *, name: str = "recorded", margin: str = "5pp", extra: str = "", candidates: str = "") -> None:
    candidates = candidates or "  int8: {outputs: ../runs.csv, prediction: int8}\n  int4: {outputs: ../runs.csv, prediction: int4}\n"
    path.write_text(f"""schema: 1
suite: {name}
{extra}original: {{outputs: ../runs.csv, prediction: fp32}}
data:
  test: {{source: ../runs.csv, id: id, target: language, segments: {{language: language}}}}
candidates:
{candidates}checks:
  accuracy: {{metric: accuracy, max_drop: {margin}, per: language}}
""")


def only(candidate: str) -> str:
    return f"  {candidate}: {{outputs: ../runs.csv, prediction: {candidate}}}\n"


def linear(path: Path, weights: Any, *, inputs: str = "features", output: str = "logits", softmax: bool = False) -> None:
    """An ONNX model: output = inputs @ weights."""
    weights = np.asarray(weights, dtype=np.float32)
    nodes = [helper.make_node("MatMul", [inputs, "W"], ["z" if softmax else output])]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["z"], [output], axis=1))
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info(inputs, TensorProto.FLOAT, ["batch", weights.shape[0]])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", weights.shape[1]])],
        [numpy_helper.from_array(weights, "W")],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))


def write_people(path: Path, rows: int = 1_000) -> None:
    """Two features and an income that `linear([[−1, 1], [−1, 1]])` always gets right: 1 when they sum to more than 0."""
    random = np.random.default_rng(7)
    features = random.normal(size=(rows, 2)).astype(np.float32)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["person_id", "age", "hours", "sex", "income"])
        for row, (age, hours) in enumerate(features):
            writer.writerow([f"p{row}", age, hours, "f" if row % 3 else "m", int(age + hours > 0)])


RIGHT = [[-1.0, 1.0], [-1.0, 1.0]]
"""Weights that get every income right."""

WRONG = [[1.0, -1.0], [1.0, -1.0]]
"""Weights that get every income wrong."""


NEARLY_RIGHT = [[-1.0, 1.0], [-1.0, 1.0 + 2**-20]]
"""The same answers from other bytes."""


def write_income(project: Path, candidate: Any = NEARLY_RIGHT) -> Path:
    """Two ONNX models, their data, and a suite over them."""
    linear(project / "income.onnx", RIGHT)
    linear(project / "income.int8.onnx", candidate)
    write_people(project / "people.csv")
    path = project / "suites" / "income.yaml"
    path.write_text("""schema: 1
suite: income
original:
  onnx: ../income.onnx
  input: {features: {columns: [age, hours], dtype: float32}}
  output: {type: logits, task: binary, labels: ["0", "1"], positive: "1"}
data:
  test: {source: ../people.csv, id: person_id, target: income, segments: {sex: sex}}
candidates:
  int8: {onnx: ../income.int8.onnx}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp, per: sex}
""")
    return path

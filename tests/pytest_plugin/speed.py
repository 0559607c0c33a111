"""A project with real ONNX models of known relative size and speed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

WIDTH = 192

SUITE = """\
schema: 1
suite: speed
original:
  onnx: original.onnx
  input: {x: {columns: [a, b]}}
  output: {name: logits, type: logits, task: multiclass, labels: ["0", "1"]}
data:
  test: {source: rows.csv, id: id, target: y}
candidates:
  tied: {onnx: tied.onnx}
checks:
  footprint: {min_size_reduction: 50%rel}
  latency: {max_p50: 60s, rounds: 5, calls: 12}
"""


def network(path: Path, layers: int, *, tied: bool) -> None:
    """`layers` square products one after the other; with `tied` all of them use one and the same matrix."""
    random = np.random.default_rng(0)

    def matrix(name: str, rows: int, columns: int) -> TensorProto:
        return numpy_helper.from_array((random.normal(size=(rows, columns)) / rows**0.5).astype(np.float32), name)

    weights = [matrix("in", 2, WIDTH), matrix("out", WIDTH, 2)]
    weights += [matrix(f"w{layer}", WIDTH, WIDTH) for layer in range(1 if tied else layers)]
    nodes = [helper.make_node("MatMul", ["x", "in"], ["h0"])]
    for layer in range(layers):
        nodes.append(helper.make_node("MatMul", [f"h{layer}", "w0" if tied else f"w{layer}"], [f"m{layer}"]))
        nodes.append(helper.make_node("Relu", [f"m{layer}"], [f"h{layer + 1}"]))
    nodes.append(helper.make_node("MatMul", [f"h{layers}", "out"], ["logits"]))
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
        weights,
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))


def write_project(root: Path) -> Path:
    """The suite `speed`: `tied` is a quarter of the size of the original and several times slower."""
    (root / "pyproject.toml").touch()
    suites = root / "suites"
    suites.mkdir(exist_ok=True)
    network(suites / "original.onnx", 4, tied=False)
    network(suites / "tied.onnx", 60, tied=True)
    random = np.random.default_rng(1)
    rows = [
        f"r{i},{a:.3f},{b:.3f},{'x' * (1 + i % 90)},{i % 2},{5 + i % 7},{3 + i % 7}"
        for i, (a, b) in enumerate(random.normal(size=(400, 2)))
    ]
    (suites / "rows.csv").write_text("\n".join(["id,a,b,text,y,fp32_ms,int8_ms", *rows]) + "\n")
    (suites / "speed.yaml").write_text(SUITE)
    return suites / "speed.yaml"

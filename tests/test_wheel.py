"""The wheel, installed in an environment of its own without the torch extra, gates two ONNX files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

ROOT = Path(__file__).parents[1]
SUITE = """\
schema: 1
suite: wheel
original:
  onnx: original.onnx
  input: {x: {columns: [a, b], dtype: float32}}
  output: {name: y, type: logits, task: multiclass, labels: ["left", "right"]}
data:
  test: {source: data.csv, id: id, target: side, segments: {group: group}}
candidates:
  same: {onnx: same.onnx}
  broken: {onnx: broken.onnx}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp, per: [group]}
  footprint: {max_size: 10KB}
"""


def linear(path: Path, weights: np.ndarray) -> None:
    """y = x · weights."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.astype(np.float32).ravel())],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_gates_two_onnx_files_without_torch(tmp_path: Path) -> None:
    built = run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)], tmp_path)
    if built.returncode:
        pytest.skip(f"the wheel's build tools cannot be installed here: {built.stderr.strip().splitlines()[-1]}")
    wheel = next(tmp_path.glob("*.whl"))
    run([sys.executable, "-m", "venv", "fresh"], tmp_path)
    python = tmp_path / "fresh" / "bin" / "python"
    installed = run([str(python), "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(wheel)], tmp_path)
    if installed.returncode:
        pytest.skip(f"no package index is reachable: {installed.stderr.strip().splitlines()[-1]}")
    assert run([str(python), "-c", "import torch"], tmp_path).returncode != 0

    rng = np.random.default_rng(0)
    points = rng.normal(size=(2000, 2))
    rows = [f"r{i},{a:.6f},{b:.6f},{'left' if a > b else 'right'},{'even' if i % 2 == 0 else 'odd'}" for i, (a, b) in enumerate(points)]
    (tmp_path / "data.csv").write_text("\n".join(["id,a,b,side,group", *rows]) + "\n")
    (tmp_path / "gate.yaml").write_text(SUITE)
    linear(tmp_path / "original.onnx", np.array([[1.0, -1.0], [-1.0, 1.0]]))
    linear(tmp_path / "same.onnx", np.array([[1.001, -1.0], [-1.0, 1.0]]))
    linear(tmp_path / "broken.onnx", np.array([[1.0, -1.0], [0.5, 1.0]]))

    good = run([str(python), "-m", "pytest", "gate.yaml", "--candidate", "same"], tmp_path)
    assert good.returncode == 0, good.stdout + good.stderr
    bad = run([str(python), "-m", "pytest", "gate.yaml"], tmp_path)
    assert bad.returncode == 1
    assert "broken must not ship" in bad.stdout
    assert (tmp_path / "reports" / "wheel" / "index.html").exists()

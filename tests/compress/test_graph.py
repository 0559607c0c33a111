from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.compress import graph
from harness.compress.cast import Cast
from harness.compress.parameters import CastParameters, QuantizeParameters
from harness.compress.quantize import Quantize
from harness.errors import ModelError
from tests.compress import build
from tests.compress.conftest import Net, signal_to_noise


def small(nodes: list[Any], weights: dict[str, np.ndarray], **opsets: int) -> Any:
    shape = ["n", 4]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", None])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    imports = [helper.make_opsetid("", 20), *(helper.make_opsetid(name, version) for name, version in opsets.items())]
    return helper.make_model(made, opset_imports=imports, ir_version=9)


def test_weights_in_constant_nodes_are_weights(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    constant = helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(matrix, "inner"))
    model = small([constant, helper.make_node("MatMul", ["x", "w"], ["y"])], {})
    onnx.save(model, str(tmp_path / "s.onnx"))

    context = build.context(tmp_path)
    report = Quantize().apply(tmp_path / "s.onnx", tmp_path / "t.onnx", QuantizeParameters(mode="weights", bits=8), context)
    assert [(layer.name, layer.shape) for layer in report.layers if layer.done] == [("w", (4, 6))]
    from harness.compress.runtime import session

    rows = np.eye(4, dtype=np.float32)
    assert signal_to_noise(matrix, session(tmp_path / "t.onnx").run(None, {"x": rows})[0]) > 35


def test_tidy_names_every_node_and_drops_what_is_not_used() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Relu", ["a"], ["y"], name="Relu_0")]
    nodes[0].metadata_props.add(key="stack", value="/home/someone/file.py:3")
    model = small(nodes, {}, **{"com.example": 1})
    model.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [1]))
    made = graph.tidy(model)
    names = [node.name for node in made.graph.node]
    assert len(set(names)) == 2
    assert all(names)
    assert [entry.domain for entry in made.opset_import] == [""]
    assert not made.graph.value_info
    assert b"someone" not in made.SerializeToString()


def test_a_weight_used_inside_a_branch_is_left_alone(tmp_path: Path) -> None:
    """The inner graph reads the outer weight; where it is only used there, nothing says which axis holds channels."""
    matrix = np.ones((4, 4), np.float32)
    branch = [
        helper.make_graph(
            [helper.make_node(op, ["x", "w"], [name])], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)]
        )
        for op, name in (("MatMul", "then"), ("Add", "else"))
    ]
    condition = numpy_helper.from_array(np.array(True), "yes")
    model = small([helper.make_node("If", ["yes"], ["y"], then_branch=branch[0], else_branch=branch[1])], {"w": matrix})
    model.graph.initializer.append(condition)
    weights = graph.weights(graph.tidy(model))
    assert [sorted(use.op for use in weight.uses) for weight in weights] == [["Add", "MatMul"]]
    onnx.save(model, str(tmp_path / "s.onnx"))
    with pytest.raises(ModelError, match=r"nothing was quantized.*w: used by Add"):
        Quantize().apply(tmp_path / "s.onnx", tmp_path / "t.onnx", QuantizeParameters(mode="weights"), None)  # type: ignore[arg-type]  # not used


@pytest.mark.parametrize("content", [b"", b"\x08\x07text", b"version: 1\n"])
def test_what_is_not_onnx(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError):
        Quantize().apply(path, tmp_path / "t.onnx", QuantizeParameters(mode="weights"), None)  # type: ignore[arg-type]  # not used


def test_a_missing_external_file_is_one_sentence(net: Net, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(onnx.load(str(net.onnx)), str(path), save_as_external_data=True, location="w.bin", size_threshold=16)
    (tmp_path / "w.bin").unlink()
    with pytest.raises(ModelError, match="cannot be read as ONNX") as caught:
        graph.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["dynamic", "static", "weights", "fp16", "bf16"])
def test_models_too_large_for_one_file(net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """With the limit of protobuf messages set to a few bytes, weights go to a file of their own, which stays beside the model."""
    monkeypatch.setattr(graph, "LARGEST_FILE", 5000)
    source, target = tmp_path / "in" / "model.onnx", tmp_path / "out" / "model.onnx"
    source.parent.mkdir()
    target.parent.mkdir()
    graph.write(graph.read(net.onnx), source)
    assert (source.parent / "model.onnx.data").is_file()
    context = net.context(tmp_path / "s")
    if mode in ("fp16", "bf16"):
        Cast().apply(source, target, CastParameters.model_validate({"to": mode}), context)
    else:
        calibrate = {"calibrate": {"data": "train", "rows": 64}} if mode == "static" else {}
        Quantize().apply(source, target, QuantizeParameters.model_validate({"mode": mode, **calibrate}), context)
    assert sorted(path.name for path in target.parent.iterdir()) == ["model.onnx", "model.onnx.data"]
    assert signal_to_noise(net.answers(net.onnx), net.answers(target)) > 12

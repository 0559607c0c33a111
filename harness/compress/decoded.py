"""Weights as the runtime decodes them, from whatever form they are stored in."""

# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.compress import graph
from harness.compress.graph import ModelProto


def constant_names(model: ModelProto) -> tuple[str, ...]:
    """Names of what nodes make of initializers alone and other nodes use."""
    known = {tensor.name for tensor in model.graph.initializer}
    makers = []
    for node in model.graph.node:
        if any(node.input) and all(name in known for name in node.input if name) and not _has_inner_graph(node):
            known.update(node.output)
            makers.append(node)
    inner = {id(node) for node in makers}
    used = {name for node in graph.all_nodes(model) if id(node) not in inner for name in node.input}
    return tuple(name for node in makers for name in node.output if name in used)


def decoded(model: ModelProto, names: Iterable[str]) -> Iterator[tuple[str, NDArray[Any]]]:
    """(name, value) of each weight: its initializer, or what ONNX Runtime computes from initializers."""
    tensors = graph.initializers(model)
    makers = {name: node for node in model.graph.node for name in node.output}
    for name in names:
        yield name, graph.array_of(tensors[name]) if name in tensors else _computed(model, name, tensors, makers)


def restored(model: ModelProto) -> ModelProto:
    """The same model with every weight that nodes decode as a plain initializer."""
    from onnx import numpy_helper

    names = constant_names(model)
    values = dict(decoded(model, names))
    makers = {name: node for node in model.graph.node for name in node.output}
    gone = {id(node) for name in names for node in _ancestors(name, makers)}
    kept = [type(node).FromString(node.SerializeToString()) for node in model.graph.node if id(node) not in gone]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(numpy_helper.from_array(values[name], name) for name in names)
    return drop_unused(model)


def drop_unused(model: ModelProto) -> ModelProto:
    """Remove initializers that nothing uses; returns the same model."""
    used = {name for node in graph.all_nodes(model) for name in node.input} | {entry.name for entry in model.graph.output}
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name not in used]:
        model.graph.initializer.remove(tensor)
    return model


def _computed(model: ModelProto, name: str, tensors: dict[str, Any], makers: dict[str, Any]) -> NDArray[Any]:
    import onnx
    import onnxruntime

    nodes = _ancestors(name, makers)
    needed = {place for node in nodes for place in node.input}
    inputs = [tensors[place] for place in sorted(needed & tensors.keys())]
    made = onnx.helper.make_graph(nodes, "weight", [], [onnx.ValueInfoProto(name=name)], inputs)
    part = onnx.helper.make_model(made, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(part.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run([name], {})[0])


def _ancestors(name: str, makers: dict[str, Any]) -> list[Any]:
    """The nodes that make `name`, in order."""
    found: list[Any] = []
    waiting = [name]
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node not in found:
            found.append(node)
            waiting += node.input
    order = {id(node): place for place, node in enumerate(makers.values())}
    return sorted(found, key=lambda node: order[id(node)])


def _has_inner_graph(node: Any) -> bool:
    return any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)

"""Reading, tidying and writing ONNX models. onnx is imported late: only a process that makes a model needs it."""

# ruff: noqa: PLC0415

from __future__ import annotations

import difflib
import math
import warnings
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ModelError

ModelProto = Any
"""An `onnx.ModelProto`."""

LARGEST_FILE = 1_900_000_000
"""Bytes above which weights go to a file of their own: a protobuf message cannot exceed 2 GiB."""


@dataclass(frozen=True)
class Use:
    """One place where a weight is used: input number `position` of a node."""

    op: str
    node: str
    position: int
    transposed: bool = False


@dataclass(frozen=True)
class Weight:
    """A floating-point initializer with more than one element, and where it is used."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    uses: tuple[Use, ...]


def read(path: Path) -> ModelProto:
    """The model with all its weights, external data included; `ModelError` when it cannot be read."""
    import onnx

    try:
        return onnx.load(str(path))
    except Exception as error:
        raise ModelError(f"{path} cannot be read as ONNX: {type(error).__name__}: {first_line(error)}") from error


def read_structure(path: Path) -> ModelProto:
    """The model without external data."""
    import onnx

    return onnx.load(str(path), load_external_data=False)


def first_line(error: BaseException) -> str:
    """The first line of what a library says, for use in a sentence."""
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else "no message"


def write(model: ModelProto, path: Path) -> None:
    """Write it, deterministically; weights go to `<name>.data` beside it when one file cannot hold them."""
    import onnx

    if too_large(model):
        onnx.save(model, str(path), save_as_external_data=True, location=f"{path.name}.data", size_threshold=1024)
        # Saving leaves but a reference to the file in the model at hand.
        onnx.external_data_helper.load_external_data_for_model(model, str(path.parent))
    else:
        path.write_bytes(model.SerializeToString(deterministic=True))


def too_large(model: ModelProto) -> bool:
    """Whether one file cannot hold the model, by its weights; protobuf's own `ByteSize` takes as long as writing it."""
    from onnx import helper

    size = sum(math.prod(tensor.dims) * _item_size(helper, tensor.data_type) for tensor in model.graph.initializer)
    return bool(size > LARGEST_FILE)


def _item_size(helper: Any, kind: int) -> float:
    return float(np.dtype(helper.tensor_dtype_to_np_dtype(kind)).itemsize)


def tidy(model: ModelProto) -> ModelProto:
    """Remove what tells nothing about the answers and differs between machines or misleads tools; returns the same model.

    Shapes of inner values (`value_info`) go because a quantizer that transposes a weight leaves its old shape there.
    Metadata go because exporters put file names and line numbers into them. Unused operator sets go. Weights in Constant
    nodes become initializers, and nodes without a name get one, so that both can be named in `exclude` and in reports.
    """
    graph = model.graph
    del graph.value_info[:]
    del model.metadata_props[:]
    del graph.metadata_props[:]
    _lift_constants(graph)
    taken = {node.name for node in graph.node}
    for number, node in enumerate(graph.node):
        del node.metadata_props[:]
        node.doc_string = ""
        if not node.name:
            node.name = f"{node.op_type}_{number}"
            while node.name in taken:
                node.name += "_"
            taken.add(node.name)
    for holder in (*graph.input, *graph.output, *graph.initializer):
        del holder.metadata_props[:]
    used = {node.domain or "" for node in _nodes(graph)} | {node.domain or "" for function in model.functions for node in function.node}
    kept = [entry for entry in model.opset_import if (entry.domain in used) or entry.domain in ("", "ai.onnx")]
    if len(kept) < len(model.opset_import):
        copies = [(entry.domain, entry.version) for entry in kept]
        del model.opset_import[:]
        for domain, version in copies:
            model.opset_import.add(domain=domain, version=version)
    return model


def all_nodes(model: ModelProto) -> tuple[Any, ...]:
    """Every node, those of inner graphs (If, Loop) included."""
    return tuple(_nodes(model.graph))


def array_of(tensor: Any) -> NDArray[Any]:
    """The values of an initializer."""
    from onnx import numpy_helper

    return np.asarray(numpy_helper.to_array(tensor))


def initializers(model: ModelProto) -> dict[str, Any]:
    """The initializers of the main graph by name."""
    return {tensor.name: tensor for tensor in model.graph.initializer}


def weights(model: ModelProto) -> tuple[Weight, ...]:
    """Every floating-point initializer of more than one element, in file order."""
    from onnx import TensorProto

    names = {TensorProto.FLOAT: "float32", TensorProto.FLOAT16: "float16", TensorProto.BFLOAT16: "bfloat16", TensorProto.DOUBLE: "float64"}
    uses: dict[str, list[Use]] = defaultdict(list)
    for node in _nodes(model.graph):
        transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
        for position, name in enumerate(node.input):
            uses[name].append(Use(node.op_type, node.name, position, transposed))
    return tuple(
        Weight(tensor.name, tuple(tensor.dims), names[tensor.data_type], tuple(uses[tensor.name]))
        for tensor in model.graph.initializer
        if tensor.data_type in names and int(np.prod(tensor.dims)) > 1
    )


def refuse_not_finite(model: ModelProto, step: str) -> None:
    """`ModelError` that names the first weight holding NaN or Inf: no technique can keep what is not there."""
    tensors = initializers(model)
    for weight in weights(model):
        finite = np.isfinite(array_of(tensors[weight.name]))
        if not finite.all():
            bad = int(np.count_nonzero(~finite))
            raise ModelError(f"{step}: weight {weight.name!r} holds {bad} value(s) that are NaN or infinite; repair the original first")


def excluded_nodes(model: ModelProto, exclude: Iterable[str], key: str = "exclude") -> frozenset[str]:
    """Nodes meant by names of their own or of their weights; an unknown name is a `ModelError` that tells the `key`."""
    nodes = {node.name for node in model.graph.node}
    users = {weight.name: [use.node for use in weight.uses] for weight in weights(model)}
    chosen: set[str] = set()
    for name in exclude:
        if name in nodes:
            chosen.add(name)
        elif name in users:
            chosen.update(users[name])
        else:
            near = difflib.get_close_matches(name, [*users, *sorted(nodes)], n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}?" if near else f"its weights are {', '.join(sorted(users)[:8])}"
            raise ModelError(f"{key}: the model has no node or weight called {name!r}; {hint}")
    return frozenset(chosen)


def put_first(model: ModelProto, nodes: Iterable[Any]) -> None:
    """Put nodes in front of all others, where the weights they make are there when they are needed."""
    rest = [type(node).FromString(node.SerializeToString()) for node in model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])


def at_least(model: ModelProto, opset: int, version: int) -> ModelProto:
    """The model in an operator set and a file format not older than these; `ModelError` when it cannot be brought there."""
    import onnx

    current = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if current < opset:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = onnx.version_converter.convert_version(model, opset)
        except Exception as error:
            said = first_line(error)
            raise ModelError(f"the model's operator set {current} cannot be brought to {opset}, which these bits need: {said}") from error
        tidy(model)
    model.ir_version = max(model.ir_version, version)
    return model


def _lift_constants(graph: Any) -> None:
    kept = []
    for node in graph.node:
        value = next((attribute.t for attribute in node.attribute if attribute.name == "value"), None)
        if node.op_type == "Constant" and value is not None and len(node.output) == 1:
            tensor = graph.initializer.add()
            tensor.CopyFrom(value)
            tensor.name = node.output[0]
        else:
            kept.append(node)
    if len(kept) < len(graph.node):
        copies = [type(node).FromString(node.SerializeToString()) for node in kept]
        del graph.node[:]
        graph.node.extend(copies)


def _nodes(graph: Any) -> Iterable[Any]:
    """All nodes, those of inner graphs (If, Loop) included."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)

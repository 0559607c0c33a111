"""What can be seen of an ONNX file without running it.

onnx is imported when a file is looked at: only `harness init` needs it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import ModelError
from harness.ports.model import Tensor

_DTYPES = {"FLOAT": "float32", "DOUBLE": "float64", "STRING": "str"}
_PASSED_THROUGH = ("Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "QuantizeLinear", "DequantizeLinear")
_LOOKUPS = ("ArrayFeatureExtractor", "Gather")
_CLASSIFIERS = ("ZipMap", "TreeEnsembleClassifier", "LinearClassifier", "SVMClassifier")


@dataclass(frozen=True)
class Facts:
    """Inputs and outputs of a model. `ends_in` maps an output to the operator that computes it; `labels` are those that the
    model itself names, in the order of its outputs."""

    path: Path
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    ends_in: dict[str, str]
    labels: tuple[str, ...] = ()


def look_at_model(path: Path) -> Facts:
    """What the file declares; `ModelError` when it is no ONNX model."""
    import onnx  # noqa: PLC0415

    if not path.is_file():
        raise ModelError(f"there is no model file {path}")
    if path.suffix.lower() != ".onnx":
        raise ModelError(f"{path} is not an .onnx file; init looks at ONNX files, and docs/suite-language.md shows suites of other models")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf and onnx have no common base
        raise ModelError(f"{path} is not an ONNX model, or is truncated; export it again, or copy it again whole ({error})") from error
    if not model.graph.output:
        raise ModelError(f"{path} is not an ONNX model: it declares no output")
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = tuple(_tensor(each) for each in model.graph.input if each.name not in weights)
    outputs = tuple(_tensor(each) for each in model.graph.output if each.type.HasField("tensor_type"))
    makers = {name: node for node in model.graph.node for name in node.output}
    return Facts(path, inputs, outputs, {each.name: _end(each.name, makers) for each in outputs}, _labels(model, path))


def _tensor(value: Any) -> Tensor:
    from onnx import TensorProto  # noqa: PLC0415

    kind = value.type.tensor_type
    name = TensorProto.DataType.Name(kind.elem_type)
    shape = None
    if kind.HasField("shape"):
        shape = tuple(size.dim_value if size.HasField("dim_value") and size.dim_value > 0 else None for size in kind.shape.dim)
    return Tensor(value.name, _DTYPES.get(name, name.lower()), shape)


def _end(name: str, makers: dict[str, Any]) -> str:
    """The operator whose result an output is, looking through those that change no values."""
    node = makers.get(_source(name, makers))
    return node.op_type if node is not None else ""


def _source(name: str, makers: dict[str, Any]) -> str:
    """The value that a value is, before operators that change no values."""
    node = makers.get(name)
    while node is not None and node.op_type in _PASSED_THROUGH and node.input and node.input[0] in makers:
        name, node = node.input[0], makers[node.input[0]]
    return name


def _labels(model: Any, path: Path) -> tuple[str, ...]:
    """Labels a classifier of scikit-learn carries in its graph, or transformers in the config.json beside the model."""
    for node in model.graph.node:
        if node.op_type in _CLASSIFIERS:
            for attribute in node.attribute:
                if attribute.name.startswith("classlabels_") or attribute.name.startswith("classlabels"):
                    found = [text.decode() for text in attribute.strings] or [str(number) for number in attribute.ints]
                    if found:
                        return tuple(found)
    return _labels_of_lookup(model) or _labels_of_config(path.with_name("config.json"))


def _labels_of_lookup(model: Any) -> tuple[str, ...]:
    """The table in which a graph looks its answer up by the index of the largest number, as skl2onnx writes it for many classifiers.

    () unless there is one such table.
    """
    from onnx import numpy_helper  # noqa: PLC0415

    makers = {name: node for node in model.graph.node for name in node.output}
    tables = {tensor.name: tensor for tensor in model.graph.initializer if len(tensor.dims) == 1}
    used = {
        node.input[0]
        for node in model.graph.node
        if node.op_type in _LOOKUPS and len(node.input) == 2 and node.input[0] in tables and _end(node.input[1], makers) == "ArgMax"
    }
    ends = {_source(each.name, makers) for each in model.graph.output}
    told = used & {node.input[0] for node in model.graph.node if set(node.output) & ends and node.op_type in _LOOKUPS}
    if len(told) != 1:
        return ()
    values = numpy_helper.to_array(tables[told.pop()])
    return tuple(value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist())


def _labels_of_config(path: Path) -> tuple[str, ...]:
    try:
        named = json.loads(path.read_text(encoding="utf-8"))["id2label"]
        return tuple(str(named[str(index)]) for index in range(len(named)))
    except (OSError, ValueError, KeyError, TypeError):
        return ()

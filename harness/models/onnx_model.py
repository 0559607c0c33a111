"""Models in ONNX files, run by ONNX Runtime.

ONNX Runtime and onnx are imported when a model is loaded or counted, not before: judging stored evidence needs neither.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.arrays.footprint import Weights
from harness.errors import MissingDependencyError, ModelError
from harness.models.fixed_batch import Arrays, fixed_size, run_in_batches
from harness.models.onnx_files import onnx_files
from harness.models.parameters import OnnxParameters
from harness.ports.model import Model, Tensor

_DTYPES = {
    "float": "float32", "double": "float64", "float16": "float16", "int64": "int64", "int32": "int32", "int16": "int16",
    "int8": "int8", "uint64": "uint64", "uint32": "uint32", "uint16": "uint16", "uint8": "uint8", "bool": "bool", "string": "str",
}  # fmt: skip
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-qnn")


class OnnxAdapter:
    """The kind `onnx`."""

    def files(self, parameters: OnnxParameters, root: Path) -> tuple[Path, ...]:
        """The model file and its external data."""
        return onnx_files(parameters.path, root)

    def modules(self, parameters: OnnxParameters) -> tuple[str, ...]:
        """None: everything is in the files."""
        return ()

    def distributions(self) -> tuple[str, ...]:
        """Whichever builds of ONNX Runtime are installed."""
        return tuple(name for name in _RUNTIMES if _installed(name)) or _RUNTIMES[:1]

    def identity(self, parameters: OnnxParameters) -> Mapping[str, str]:
        """Providers, threads and graph optimisation change the order of additions, and with it the last digits."""
        return {
            "providers": ",".join(parameters.providers),
            "threads": str(parameters.threads),
            "graph_optimization": parameters.graph_optimization,
        }

    def load(self, parameters: OnnxParameters, root: Path) -> Model:
        """A session on the named providers."""
        try:
            import onnxruntime  # noqa: PLC0415
        except ImportError as error:
            raise MissingDependencyError("onnxruntime", "all", "running an ONNX model") from error
        model = self.files(parameters, root)[0]
        available = onnxruntime.get_available_providers()
        if unknown := [name for name in parameters.providers if name not in available]:
            raise ModelError(f"execution provider {unknown[0]!r} is not available here; available: {', '.join(available)}")
        try:
            session = onnxruntime.InferenceSession(str(model), _options(onnxruntime, parameters), providers=list(parameters.providers))
        except Exception as error:  # ONNX Runtime's errors have no common base
            raise ModelError(_reason(model, error)) from error
        if fallen := [name for name in parameters.providers[:1] if name not in session.get_providers()]:
            raise ModelError(f"{model}: execution provider {fallen[0]!r} could not be started here; ONNX Runtime would fall back silently")
        return OnnxModel(session)

    def weights(self, parameters: OnnxParameters, root: Path) -> Weights | None:
        """Counts over initializers; see `harness.models.onnx_weights`."""
        from harness.models.onnx_weights import count_weights  # noqa: PLC0415

        return count_weights(self.files(parameters, root)[0])


class OnnxModel:
    """A session, and batches of the fixed size where the model insists on one."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._inputs = tuple(_tensor(node) for node in session.get_inputs())
        self._outputs = tuple(_tensor(node) for node in session.get_outputs())
        self._names = [tensor.name for tensor in self._outputs]
        self._batch = fixed_size(self._inputs)

    def inputs(self) -> tuple[Tensor, ...]:
        """What the graph declares."""
        return self._inputs

    def outputs(self) -> tuple[Tensor, ...]:
        """What the graph declares."""
        return self._outputs

    def predict(self, inputs: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """All array outputs by name; sequences and maps (an sklearn classifier's ZipMap) are left out."""
        return self._run(inputs) if self._batch is None else run_in_batches(inputs, self._batch, self._run)

    def _run(self, inputs: Arrays) -> Arrays:
        found = dict(zip(self._names, self._session.run(None, dict(inputs)), strict=True))
        arrays = {name: value for name, value in found.items() if isinstance(value, np.ndarray)}
        if not arrays:
            raise ModelError("the model has no array among its outputs; convert a scikit-learn classifier with zipmap disabled")
        return arrays


def _tensor(node: Any) -> Tensor:
    found = re.fullmatch(r"tensor\((\w+)\)", node.type)
    shape = None if node.shape is None else tuple(size if isinstance(size, int) else None for size in node.shape)
    return Tensor(node.name, _DTYPES.get(found[1]) if found else None, shape)


def _options(onnxruntime: Any, parameters: OnnxParameters) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = parameters.threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    level = parameters.graph_optimization
    options.graph_optimization_level = getattr(
        onnxruntime.GraphOptimizationLevel, "ORT_DISABLE_ALL" if level == "disable" else f"ORT_ENABLE_{level.upper()}"
    )
    return options


def _reason(model: Path, error: Exception) -> str:
    text = " ".join(str(error).split())
    if "Protobuf parsing failed" in text or "ModelProto" in text:
        return f"{model} is not an ONNX model, or is truncated; export it again, or copy it again whole"
    if "opset" in text.lower():
        return (
            f"{model} uses an operator set this ONNX Runtime does not know; export with an older opset or update onnxruntime ({text[:200]})"
        )
    return f"{model} cannot be loaded by ONNX Runtime: {text[:300]}"


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True

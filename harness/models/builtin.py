"""The kinds of models that come with the harness."""

from __future__ import annotations

from harness.catalogue import Kind
from harness.models.onnx_model import OnnxAdapter
from harness.models.parameters import OnnxParameters, OutputsParameters, PythonParameters, TorchParameters
from harness.models.python_model import PythonAdapter
from harness.models.recorded import RecordedAdapter
from harness.models.torch_model import TorchAdapter
from harness.ports.model import ModelAdapter

MODELS: tuple[Kind[ModelAdapter], ...] = (
    Kind("onnx", OnnxParameters, OnnxAdapter(), shorthand="path"),
    Kind("torch", TorchParameters, TorchAdapter()),
    Kind("python", PythonParameters, PythonAdapter(), shorthand="function"),
    Kind("outputs", OutputsParameters, RecordedAdapter(), shorthand="path"),
)
"""In the order in which messages list them."""

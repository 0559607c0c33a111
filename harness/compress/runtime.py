"""Whether ONNX Runtime takes a model."""

# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.ports.compress import Batch


def session(path: Path, *, fused: bool = True) -> Any:
    """An ONNX Runtime session on one CPU thread; raises what the runtime raises. Not `fused`, it computes operator by operator."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if not fused:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def refusal(path: Path) -> str:
    """Why the runtime refuses the model, "" when it loads."""
    try:
        session(path)
    except Exception as error:
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return ""


def answers(path: Path) -> Callable[[Batch], Batch]:
    """A function that answers a batch with the outputs of the model, by name. Inputs the model does not take are left out."""
    running = session(path)
    wanted = {entry.name for entry in running.get_inputs()}
    names = [entry.name for entry in running.get_outputs()]

    def answer(batch: Batch) -> Batch:
        return dict(zip(names, running.run(None, {name: array for name, array in batch.items() if name in wanted}), strict=True))

    return answer

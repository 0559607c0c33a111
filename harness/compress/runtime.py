"""Whether ONNX Runtime takes a model."""

# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Any


def session(path: Path) -> Any:
    """An ONNX Runtime session on one CPU thread; raises what the runtime raises."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
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

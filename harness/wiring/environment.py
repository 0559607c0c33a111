"""What machine and which libraries a run used."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness import __version__

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "pyarrow", "onnx", "onnxruntime", "torch", "torchao", "tokenizers", "transformers")


@cache
def environment() -> dict[str, str]:
    """Names to versions and machine facts; a library that is not installed is absent."""
    facts = {
        "harness": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": str(os.cpu_count() or "unknown"),
    }
    gpu = _gpu()
    if gpu:
        facts["gpu"] = gpu
    for name in _LIBRARIES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            continue
    return facts


def _gpu() -> str:
    """Models of the NVIDIA cards the driver knows of, empty for none."""
    models = []
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        with suppress(OSError):
            lines = path.read_text(encoding="utf-8").splitlines()
            models += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return ", ".join(models)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass  # Not Linux: platform knows a little.
    return platform.processor() or platform.machine()

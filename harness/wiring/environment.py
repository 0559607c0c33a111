"""What machine and which libraries a run used."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

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
    for name in _LIBRARIES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            continue
    return facts


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass  # Not Linux: platform knows a little.
    return platform.processor() or platform.machine()

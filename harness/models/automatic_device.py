"""What `device: auto` stands for on this machine, told without importing a framework."""

from __future__ import annotations

import os
from pathlib import Path

_HIDING = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
_FILES = ("nvidia[0-9]*", "dxg", "kfd")
"""Device files of NVIDIA's driver, of the same inside Windows, and of AMD's."""


def automatic_device(files: Path = Path("/dev")) -> str:
    """`cuda` where a GPU's driver is there and the environment does not hide it, else `cpu`."""
    hidden = any(_hides(os.environ[name].strip()) for name in _HIDING if name in os.environ)
    there = any(next(files.glob(pattern), None) is not None for pattern in _FILES)
    return "cuda" if there and not hidden else "cpu"


def _hides(devices: str) -> bool:
    """A list ends at the first device there is not: one that begins with none shows none."""
    return devices in ("", "NoDevFiles") or devices.startswith("-")

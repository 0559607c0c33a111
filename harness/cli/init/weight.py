"""The check of the candidate's size, with a limit that the files meet."""

from __future__ import annotations

import math
from pathlib import Path

from harness import wiring
from harness.core.units import format_bytes

_STEP = 5
"""Per cent: what the files save is rounded down to a multiple of it."""


def weight_lines(original: Path, candidate: Path) -> tuple[str, ...]:
    """Lines of the check, or a comment when the candidate saves too little to be held to it. External data counts."""
    before, after = _bytes(original), _bytes(candidate)
    saved = (1 - after / before) * 100 if before else 0.0
    limit = math.floor(saved / _STEP + 1e-9) * _STEP
    sizes = f"{format_bytes(after)} against {format_bytes(before)}"
    if limit < _STEP:
        what = "hardly smaller" if saved > 0 else "not smaller"
        return (f"# no check of the footprint: the candidate is {what} on disk ({sizes})",)
    return (f"footprint: {{min_size_reduction: {min(limit, 100 - _STEP)}%rel}} # {sizes} on disk",)


def _bytes(model: Path) -> int:
    kind = wiring.registers().models.get("onnx")
    parameters = kind.parameters.model_validate({"path": str(model.resolve())})
    return sum(path.stat().st_size for path in kind.implementation.files(parameters, Path.cwd()))

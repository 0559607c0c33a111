"""From the original to an ONNX file that techniques can work on: a copy of an ONNX model, an export of a torch one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.compress import graph
from harness.core.models import ModelSpec
from harness.errors import ModelError
from harness.ports.compress import Feed

VERIFIED_ROWS = 64
"""Rows on which an export must answer like its original."""


@dataclass(frozen=True)
class OnnxExport:
    """Writes an original as ONNX.

    `onnx_path` gives the file of a model that is ONNX already, and None for any other kind; `load_torch` gives the
    `torch.nn.Module` of one of kind torch.
    """

    onnx_path: Callable[[ModelSpec], Path | None]
    load_torch: Callable[[ModelSpec], Any]

    def __call__(self, source: ModelSpec, target: Path, rows: Feed) -> tuple[str, ...]:
        """Write `source` to `target` and return notes; `rows` are real inputs on which an export is verified.

        `ModelError` when the kind cannot be compressed, the export fails, or its answers differ from the original's.
        """
        path = self.onnx_path(source)
        if path is not None:
            graph.write(graph.read(path), target)
            return (f"copied from {path.name}",)
        if source.kind != "torch":
            raise ModelError(f"{source.name}: a model of kind {source.kind} cannot be compressed; compress works on onnx and torch models")
        from harness.compress import torch_export  # noqa: PLC0415  # imports torch

        return torch_export.export(source, self.load_torch(source), list(rows), target)

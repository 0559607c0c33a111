"""What techniques are given in tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.compress import torch_export
from harness.compress.network import Network
from harness.compress.resources import Resources
from harness.core.models import ModelSpec, OutputSpec
from harness.ports.compress import StepContext


def none(*arguments: Any) -> Iterator[Any]:
    """No batches."""
    return iter(())


def refused(*arguments: Any) -> Any:
    raise AssertionError("nobody should ask for this here")


def context(folder: Path, feed: Callable[[str, int | None], Any] = none, **more: Any) -> StepContext:
    """A context in `folder`, with an empty scratch folder in it."""
    scratch = folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    output: OutputSpec | None = more.pop("output", None)
    given: dict[str, Any] = {"lessons": none, "score": refused, "checkpoint": folder / "checkpoint", "seed": 0, "root": folder}
    return StepContext(scratch=scratch, feed=feed, output=output, **(given | more))


def export(spec: ModelSpec, module: Any, batches: Sequence[Any], path: Path, **more: Any) -> tuple[str, ...]:
    """`module` as an ONNX file, proved on `batches`."""
    return torch_export.export(Network(module, spec, batches, path.parent), path, **more)


def resources(**given: Any) -> Resources:
    """What a maker works with; whatever is not given must not be asked for."""
    defaults: dict[str, Any] = {
        "feed": none,
        "lessons": none,
        "data_hash": lambda data: f"{data}-1",
        "tested": lambda: ("test-1",),
        "sources": lambda references: list(references),
        "target": lambda data: "y",
        "metric": lambda: "accuracy",
        "overlap": lambda model, data, rows: 0,
        "score": refused,
        "module": refused,
        "onnx_path": lambda model: None,
        "size": lambda model: 1,
        "verify_on": "test",
    }
    return Resources(**(defaults | given))

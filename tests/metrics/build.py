"""Short ways to say what a model answered and what was true."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.arrays.outputs import Outputs, RowStatus
from harness.arrays.targets import Targets
from harness.catalogue import Kinds
from harness.core.models import OutputSpec, OutputType, Task
from harness.metrics.builtin import METRICS

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def metric(name: str, root: Path = Path("."), **parameters: Any) -> Any:
    """The built-in metric of that name, made as a suite makes it."""
    kinds: Kinds[Any] = Kinds("metric")
    for kind in METRICS:
        kinds.register(kind)
    kind = kinds.get(name)
    return kind.implementation(kind.parameters.model_validate(parameters), root)


def targets(task: str, values: Any, labels: Sequence[str] = (), **more: Any) -> Targets:
    kind = {"regression": np.float64, "ranking": np.float64, "multilabel": np.bool_}.get(task, np.int32)
    return Targets(Task(task), np.asarray(values, dtype=kind), tuple(labels), **more)


def outputs(task: str, type_: str, values: Any, labels: Sequence[str] = (), failed: Sequence[int] = (), **more: Any) -> Outputs:
    spec_parts = {name: more.pop(name) for name in ("threshold", "positive", "ignore_index") if name in more}
    values = np.asarray(values)
    if type_ == "label" and values.dtype != np.bool_:
        values = values.astype(np.int32)
    rows = len(more["offsets"]) - 1 if "offsets" in more else len(values)
    status = np.zeros(rows, dtype=np.uint8)
    status[list(failed)] = RowStatus.RAISED
    if "offsets" not in more and len(failed):
        values = values.copy()
        values[list(failed)] = 0
    return Outputs(OutputSpec(OutputType(type_), Task(task), **spec_parts), values, status, tuple(labels), **more)


def repeat(things: Outputs | Targets, times: np.ndarray) -> Any:
    """The same rows, row i `times[i]` times."""
    rows = np.repeat(np.arange(len(times)), times)
    if isinstance(things, Outputs):
        return Outputs(things.spec, things.values[rows], things.status[rows], things.labels)
    groups = None if things.groups is None else things.groups[rows]
    return Targets(things.task, things.values[rows], things.labels, groups)


def softmax(logits: np.ndarray) -> np.ndarray:
    from scipy.special import softmax as reference

    return reference(logits, axis=1)

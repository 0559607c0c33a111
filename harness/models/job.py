"""What a worker process is told at its start: which model, made how, fed and read how."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.catalogue import Parameters
from harness.core.models import InputSpec, ModelSpec, OutputSpec, OutputType, Task
from harness.errors import ModelError
from harness.ports.model import ModelAdapter


@dataclass(frozen=True)
class Job:
    """One model to serve. `declared` is the output as the suite says it, `completed` with labels in final order.

    Both are None in a worker that only weighs the model. `columns` are the data set's, for messages.
    """

    name: str
    root: Path
    adapter: ModelAdapter
    parameters: Parameters
    inputs: tuple[InputSpec, ...] = ()
    declared: OutputSpec | None = None
    completed: OutputSpec | None = None
    columns: tuple[str, ...] = ()

    @property
    def threads(self) -> int:
        """Threads the model may use: its parameter `threads`, 1 for kinds that have none."""
        return int(getattr(self.parameters, "threads", 1))

    def as_json(self) -> dict[str, Any]:
        """The job as plain values; the adapter and the type of its parameters by name."""
        return {
            "name": self.name,
            "root": str(self.root),
            "adapter": _reference(type(self.adapter)),
            "type": _reference(type(self.parameters)),
            "parameters": self.parameters.model_dump(mode="json"),
            "inputs": [asdict(spec) for spec in self.inputs],
            "declared": None if self.declared is None else asdict(self.declared),
            "completed": None if self.completed is None else asdict(self.completed),
            "columns": list(self.columns),
        }

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Job:
        """The job that `as_json` described."""
        return Job(
            name=values["name"],
            root=Path(values["root"]),
            adapter=_resolved(values["adapter"])(),
            parameters=_resolved(values["type"]).model_validate(values["parameters"]),
            inputs=tuple(_input(spec) for spec in values["inputs"]),
            declared=_output(values["declared"]),
            completed=_output(values["completed"]),
            columns=tuple(values["columns"]),
        )


def job_for(model: ModelSpec, root: Path, adapter: ModelAdapter, **details: Any) -> Job:
    """The job of serving `model`."""
    if not isinstance(model.parameters, Parameters):
        raise ModelError(f"model {model.name!r}: kind {model.kind!r} must register a type of parameters derived from Parameters")
    return Job(model.name, root.resolve(), adapter, model.parameters, model.inputs, **details)


def _reference(kind: type) -> str:
    if "<locals>" in kind.__qualname__:
        raise ModelError(f"{kind.__qualname__} is defined inside a function, where a worker process cannot find it; move it to a module")
    return f"{kind.__module__}:{kind.__qualname__}"


def _resolved(reference: str) -> Any:
    module, _, name = reference.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _input(values: Mapping[str, Any]) -> InputSpec:
    shape = values["shape"]
    return InputSpec(**{**values, "columns": tuple(values["columns"]), "shape": None if shape is None else tuple(shape)})


def _output(values: Mapping[str, Any] | None) -> OutputSpec | None:
    if values is None:
        return None
    plain = {**values, "type": OutputType(values["type"]), "task": Task(values["task"]), "labels": tuple(values["labels"])}
    return OutputSpec(**plain)

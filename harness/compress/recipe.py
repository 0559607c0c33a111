"""What a candidate depends on: its steps, planned, and the hash of everything that decides each one's result."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from harness import __version__
from harness.catalogue import Kinds
from harness.compress.pipeline import Planned, Start, planned
from harness.compress.resources import Resources
from harness.core.models import ModelSpec
from harness.ports.compress import Rows, Technique

TOOLS = ("numpy", "scipy", "scikit-learn", "onnx", "onnxruntime")
TORCH_TOOLS = ("torch", "onnxscript", "torchao", "torch-pruning", "tensorly")


@dataclass(frozen=True)
class Recipe:
    """`keys[0]` is the hash of the original, `keys[i]` that of the result of `steps[i - 1]`."""

    origin: Mapping[str, object]
    steps: tuple[Planned, ...]
    plans: tuple[Mapping[str, object], ...]
    keys: tuple[str, ...]

    @property
    def factories(self) -> frozenset[str]:
        """References of the suite's tree that its steps call."""
        return frozenset(reference for step in self.steps for reference in step.technique.modules(step.parameters))

    @property
    def rows(self) -> tuple[Rows, ...]:
        """Every use of data by any step."""
        return tuple(rows for step in self.steps for rows in step.technique.data(step.parameters))


def recipe(
    model: ModelSpec,
    source: ModelSpec,
    start: Start,
    techniques: Kinds[Technique],
    fingerprint: Callable[[ModelSpec], str],
    resources: Resources,
    seed: int,
) -> Recipe:
    """The recipe of `model`; `ModelError` when its steps make no sense in their order."""
    steps = planned(model.steps, start, techniques)
    origin = _origin(source, fingerprint)
    plans = tuple(plan_of(model, step, resources, seed) for step in steps)
    keys = [content_hash(origin)]
    for plan in plans:
        keys.append(step_key(keys[-1], plan))
    return Recipe(origin, steps, plans, tuple(keys))


def step_key(before: str, plan: Mapping[str, object]) -> str:
    """The hash of a step's result, from that of what it is done to."""
    return content_hash({"before": before, "step": plan})


def stage_key(step: str, stage: int) -> str:
    """The hash of what a stage of a schedule leaves; stages count from 1."""
    return content_hash({"step": step, "stage": stage})


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 of plain values, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _origin(source: ModelSpec, fingerprint: Callable[[ModelSpec], str]) -> dict[str, object]:
    tools = (*TOOLS, *(TORCH_TOOLS if source.kind == "torch" else ()))
    return {
        "name": source.name,
        "kind": source.kind,
        "fingerprint": fingerprint(source),
        "harness": __version__,
        "versions": {name: _version(name) for name in tools},
        "processor": platform.machine(),
    }


def plan_of(model: ModelSpec, step: Planned, resources: Resources, seed: int) -> dict[str, object]:
    """What one step depends on beside the model before it."""
    learned = [_learned(model, rows, resources) for rows in step.technique.data(step.parameters)]
    return {
        "technique": step.name,
        "implied": step.implied,
        "implementation": _implementation(step.technique),
        "parameters": step.parameters.model_dump(mode="json"),
        "data": learned,
        "sources": resources.sources(step.technique.modules(step.parameters)),
        "seed": seed,
        # Traced, exported and proved on these rows.
        "rows": None if step.form == "onnx" else resources.data_hash(resources.verify_on),
    }


def _learned(model: ModelSpec, rows: Rows, resources: Resources) -> dict[str, object]:
    """Everything about some rows that decides what is learnt from them."""
    facts: dict[str, object] = {"data": rows.data, "purpose": rows.purpose, "sha256": resources.data_hash(rows.data)}
    facts["inputs"] = [asdict(entry) for entry in model.inputs]
    facts["sources"] = resources.sources(tuple(entry.step for entry in model.inputs if entry.step))
    # With other rows to test on, it has to be looked at anew whether rows stand in both.
    facts["apart from"] = resources.tested()
    if rows.purpose != "calibrate":
        facts |= {"target": resources.target(rows.data), "output": asdict(model.output) if model.output else None}
    if rows.purpose == "validate":
        facts["metric"] = resources.metric()
    return facts


def _implementation(technique: Technique) -> str:
    """Who implements a technique, with the version of its package when it is not the harness."""
    module = type(technique).__module__
    package = module.partition(".")[0]
    return module if package == "harness" else f"{module} {_version(package)}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"

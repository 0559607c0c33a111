"""Makes the candidates that a suite describes by `compress:`, once, and keeps a record of how."""

from __future__ import annotations

import hashlib
import json
import platform
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness import __version__
from harness.catalogue import Kinds, Parameters
from harness.compress import graph
from harness.compress.export import VERIFIED_ROWS
from harness.compress.folder import Record, intact, link_or_copy, made_folder
from harness.compress.runtime import refusal
from harness.core.models import ModelSpec, Step
from harness.errors import HarnessError, ModelError
from harness.ports.compress import Artefact, Feed, StepContext, StepReport, Technique

MODEL = "model.onnx"
TOOLS = ("numpy", "onnx", "onnxruntime")
TORCH_TOOLS = ("torch", "onnxscript")


@dataclass(frozen=True)
class _Recipe:
    """Everything a candidate depends on. `keys[0]` is the hash of the export, `keys[i]` that of the i-th step's result."""

    origin: Mapping[str, object]
    plans: tuple[Mapping[str, object], ...]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class FileMaker:
    """A `Maker` for one suite.

    cache:            folder of all made models; this suite's go to `cache/<suite>/<candidate>/<hash>/`
    root:             folder of the suite file
    feed:             (candidate, data set, rows) → batches of its inputs
    fingerprint:      (model) → content hash of everything that decides its answers
    data_hash:        (data set) → content hash of its rows
    export:           (original, target file, real rows) → notes; writes it as ONNX
    verify_on:        data set whose first rows prove an export
    onnx_parameters:  (file) → parameters of the model kind `onnx`
    """

    cache: Path
    suite: str
    root: Path
    techniques: Kinds[Technique]
    feed: Callable[[ModelSpec, str, int | None], Feed]
    fingerprint: Callable[[ModelSpec], str]
    data_hash: Callable[[str], str]
    export: Callable[[ModelSpec, Path, Feed], tuple[str, ...]]
    verify_on: str
    onnx_parameters: Callable[[Path], object]
    seed: int = 0

    def make(self, model: ModelSpec, source: ModelSpec) -> Artefact:
        """See `Maker.make`. Every step is kept under its own hash, so that a killed run goes on where it was.

        `ModelError` when a step fails, does nothing, or makes a model that the runtime refuses.
        """
        recipe = self._recipe(model, source)

        def build(target: Path) -> Record:
            previous, exported = self._exported(recipe, source)
            steps = []
            for step, plan, key in zip(model.steps, recipe.plans, recipe.keys[1:], strict=True):
                previous, record = self._stepped(key, model, step, plan, previous)
                steps.append(record)
            for path in _model_files(previous):
                link_or_copy(path, target / path.name)
            return self._record(model, exported, steps)

        folder = self._folder(model.name, recipe.keys[-1])
        return self._artefact(model, folder, made_folder(folder, build))

    def find(self, model: ModelSpec, source: ModelSpec) -> Artefact | None:
        """What `make` would return, when it is there and intact; None when it has to be made. Imports no heavy library."""
        folder = self._folder(model.name, self._recipe(model, source).keys[-1])
        record = intact(folder)
        return None if record is None else self._artefact(model, folder, record)

    def _artefact(self, model: ModelSpec, folder: Path, record: Record) -> Artefact:
        return Artefact(replace(model, kind="onnx", parameters=self.onnx_parameters(folder / MODEL), steps=()), folder, record)

    def _recipe(self, model: ModelSpec, source: ModelSpec) -> _Recipe:
        origin = self._origin(source)
        plans = tuple(self._plan(model, step) for step in model.steps)
        keys = [_hash(origin)]
        for plan in plans:
            keys.append(_hash({"before": keys[-1], "step": plan}))
        return _Recipe(origin, plans, tuple(keys))

    def _folder(self, name: str, key: str) -> Path:
        return self.cache / self.suite / name / key[:20]

    def _origin(self, source: ModelSpec) -> dict[str, object]:
        """What the export depends on."""
        tools = (*TOOLS, *(TORCH_TOOLS if source.kind == "torch" else ()))
        return {
            "name": source.name,
            "kind": source.kind,
            "fingerprint": self.fingerprint(source),
            "harness": __version__,
            "versions": {name: _version(name) for name in tools},
            "processor": platform.machine(),
        }

    def _plan(self, model: ModelSpec, step: Step) -> dict[str, object]:
        """What one step depends on beside the model before it."""
        technique = self.techniques.get(step.technique).implementation
        assert isinstance(step.parameters, Parameters)
        data = technique.calibration(step.parameters)
        calibration: dict[str, object] | None = None
        if data is not None:
            inputs = [asdict(entry) for entry in model.inputs]
            calibration = {"data": data, "sha256": self.data_hash(data), "inputs": inputs}
        return {
            "technique": step.technique,
            "implementation": _implementation(technique),
            "parameters": step.parameters.model_dump(mode="json"),
            "calibration": calibration,
            "seed": self.seed,
        }

    def _exported(self, recipe: _Recipe, source: ModelSpec) -> tuple[Path, Record]:
        folder = self._folder(".steps", recipe.keys[0])

        def build(target: Path) -> Record:
            try:
                notes = self.export(source, target / MODEL, self.feed(source, self.verify_on, VERIFIED_ROWS))
            except HarnessError:
                raise
            except Exception as error:
                raise ModelError(f"{source.name} could not be written as ONNX: {type(error).__name__}: {error}") from error
            return {**recipe.origin, "notes": list(notes)}

        return folder, made_folder(folder, build)

    def _stepped(self, key: str, model: ModelSpec, step: Step, plan: Mapping[str, object], previous: Path) -> tuple[Path, Record]:
        folder = self._folder(".steps", key)
        technique = self.techniques.get(step.technique).implementation

        def build(target: Path) -> Record:
            with tempfile.TemporaryDirectory(prefix="harness-step-") as scratch:
                context = StepContext(self.root, Path(scratch), self.seed, lambda data, rows: self.feed(model, data, rows))
                report = _applied(step, technique, previous / MODEL, target / MODEL, context)
            before, after = _size(previous), _size(target)
            return {**plan, "layers": [asdict(layer) for layer in report.layers], "notes": list(report.notes), "bytes": [before, after]}

        return folder, made_folder(folder, build)

    def _record(self, model: ModelSpec, exported: Record, steps: list[Record]) -> Record:
        return {
            "schema": 1,
            "suite": self.suite,
            "candidate": model.name,
            "source": {key: value for key, value in exported.items() if key != "files"},
            "source_bytes": sum(facts["bytes"] for facts in exported["files"].values()),
            "steps": [{key: value for key, value in step.items() if key != "files"} for step in steps],
        }


def _applied(step: Step, technique: Technique, source: Path, target: Path, context: StepContext) -> StepReport:
    """Run one technique and look at what it wrote."""
    try:
        report = technique.apply(source, target, step.parameters, context)
    except HarnessError:
        raise
    except Exception as error:
        raise ModelError(f"step {step.technique} failed with {type(error).__name__}: {error}") from error
    if not target.is_file():
        raise ModelError(f"step {step.technique} wrote no model")
    why = refusal(target)
    if why:
        raise ModelError(f"step {step.technique} made a model that ONNX Runtime refuses: {why}")
    before, after = _tensors(source), _tensors(target)
    if before != after:
        raise ModelError(
            f"step {step.technique} changed the model's inputs or outputs from {before} to {after}; a candidate must keep them"
        )
    return report


def _tensors(path: Path) -> tuple[list[str], list[str]]:
    model = graph.read_structure(path)
    weights = {tensor.name for tensor in model.graph.initializer}
    return [entry.name for entry in model.graph.input if entry.name not in weights], [entry.name for entry in model.graph.output]


def _model_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and path.suffix != ".json")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in _model_files(folder))


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


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()

"""Candidates made by `compress:` steps, each in a process of its own: a crash of a library costs the candidate, never the run."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.catalogue import Parameters
from harness.catalogue.entrypoints import imported_versions, sources_hash
from harness.catalogue.refs import MetricRef
from harness.checks.quality import QualityParameters
from harness.compress.maker import FileMaker
from harness.compress.making import MODEL, PROGRAM
from harness.compress.resources import Resources
from harness.core.children import Ended, run_child, thread_variables
from harness.core.models import ModelSpec
from harness.core.suite import Suite
from harness.data.opener import DataOpener
from harness.errors import ModelError
from harness.metrics.custom import PythonParameters
from harness.metrics.metric import Metric
from harness.models.feed import feed
from harness.models.observer import ModelObserver
from harness.models.parameters import OnnxParameters, TorchParameters
from harness.ports.compress import Artefact, Intermediate
from harness.ports.data import Dataset
from harness.spec import Registers
from harness.wiring.lessons import lessons, overlap, score
from harness.wiring.project import Project
from harness.wiring.registers import registers

STEPS = "steps"
"""What the process that makes is told, to make the models between the steps runnable; and under what it says why it could not."""


class SubprocessMaker:
    """Finds what was made before; makes the rest by `python -m harness.wiring.make_candidate`, which reads the suite file itself."""

    def __init__(self, suite: Suite, project: Project) -> None:
        self.suite = suite
        self.project = project
        self.files = file_maker(suite, project)

    def find(self, model: ModelSpec, source: ModelSpec) -> Artefact | None:
        """See `Maker.find`."""
        return self.files.find(model, source)

    def make(self, model: ModelSpec, source: ModelSpec) -> Artefact:
        """See `Maker.make`; `ModelError` when a step fails, with its sentence."""
        found = self.files.find(model, source)
        if found is not None:
            return found
        done = self._child(model.name)
        found = self.files.find(model, source)
        if done.status == 0 and found is not None:
            return found
        raise ModelError(f"{self.suite.name}: candidate {model.name} could not be made: {_reason(done)}")

    def find_steps(self, model: ModelSpec, source: ModelSpec) -> tuple[Intermediate, ...]:
        """See `Maker.find_steps`."""
        return self.files.find_steps(model, source)

    def make_steps(self, model: ModelSpec, source: ModelSpec) -> tuple[Intermediate, ...]:
        """See `Maker.make_steps`; what the process could not make is said of each model that is missing."""
        found = self.files.find_steps(model, source)
        if all(step.model is not None for step in found):
            return found
        done = self._child(model.name, STEPS)
        told = _last(done, STEPS) or {}
        return tuple(
            step if step.model is not None else replace(step, reason=told.get(step.reached.label) or _reason(done))
            for step in self.files.find_steps(model, source)
        )

    def _child(self, candidate: str, *more: str) -> Ended:
        command = [sys.executable, "-P", "-m", "harness.wiring.make_candidate"]
        its = [str(self.suite.path.resolve()), candidate, str(self.project.root), str(os.getpid()), *more]
        # As many threads as the model runs on: sums of another order would give other bytes.
        threads = int(getattr(self.suite.original.parameters, "threads", 1))
        return run_child([*command, *its], self.suite.root, thread_variables(threads))


def file_maker(suite: Suite, project: Project) -> FileMaker:
    """The maker itself, for the process that makes, and for looking up what is made."""
    kinds = registers()
    observer = ModelObserver(kinds.models)
    return FileMaker(
        cache=project.cache / "models",
        suite=suite.name,
        root=suite.root,
        techniques=kinds.techniques,
        resources=_Sources(suite, DataOpener(kinds.sources, project.cache), kinds).resources(),
        fingerprint=lambda model: _identity(observer, model, suite.root),
        parameters={MODEL: lambda path, *_: ("onnx", OnnxParameters(path=path)), PROGRAM: _as_program},
    )


class _Sources:
    """Models and data of one suite, each data set opened once."""

    def __init__(self, suite: Suite, opener: DataOpener, kinds: Registers) -> None:
        self._suite = suite
        self._opener = opener
        self._kinds = kinds
        self._datasets: dict[str, Dataset] = {}

    def resources(self) -> Resources:
        """What the maker works with."""
        root = self._suite.root
        return Resources(
            feed=lambda model, data, rows: feed(model, root, self._dataset(data), rows),
            lessons=lambda model, data, rows: lessons(model, root, self._dataset(data), rows),
            data_hash=lambda data: self._dataset(data).fingerprint,
            tested=lambda: tuple(sorted(dataset.fingerprint for dataset in self._tested())),
            sources=lambda references: _sources(references, root),
            target=lambda data: self._suite.data[data].target,
            metric=lambda: json.dumps(_identity_of_metric(self._reference(), root), sort_keys=True, default=str),
            overlap=lambda model, data, rows: overlap(model, self._dataset(data), rows, self._tested()),
            score=lambda model, answer, data: score(model, root, self._dataset(data), self._metric(), answer),
            module=lambda model: _torch_module(model, root),
            onnx_path=lambda model: _onnx_path(model, root),
            size=lambda model: sum(path.stat().st_size for path in self._files(model)),
            verify_on=self._not_tested_on(),
        )

    def _dataset(self, name: str) -> Dataset:
        if name not in self._suite.data:
            raise ModelError(f"there is no data set {name!r} to learn from; the suite has {', '.join(self._suite.data)}")
        if name not in self._datasets:
            self._datasets[name] = self._opener.open(self._suite.data[name], self._suite.root)
        return self._datasets[name]

    def _tested(self) -> list[Dataset]:
        return [self._dataset(name) for name in dict.fromkeys(check.data for check in self._suite.checks)]

    def _not_tested_on(self) -> str:
        """A data set for looking at networks; one that is tested on only where there is no other."""
        tested = {check.data for check in self._suite.checks}
        return min(self._suite.data, key=lambda name: name in tested)

    def _metric(self) -> Metric:
        reference = self._reference()
        found: Metric = self._kinds.metrics.get(reference.name).implementation(reference.parameters, self._suite.root)
        return found

    def _reference(self) -> MetricRef:
        """The metric of the first quality check: what a schedule may lose is said in its unit."""
        for check in self._suite.checks:
            if isinstance(check.parameters, QualityParameters):
                return check.parameters.metric
        raise ModelError(
            "stop_if_drop, max_total_drop and mixed need a check with a metric, by which a drop is measured; the suite has none"
        )

    def _files(self, model: ModelSpec) -> tuple[Path, ...]:
        found: tuple[Path, ...] = self._kinds.models.get(model.kind).implementation.files(model.parameters, self._suite.root)
        return found


def _identity_of_metric(reference: MetricRef, root: Path) -> list[object]:
    """Its name, its parameters and, for the user's own, its source."""
    chosen = reference.parameters.model_dump(mode="json") if isinstance(reference.parameters, Parameters) else {}
    own = (reference.parameters.function,) if isinstance(reference.parameters, PythonParameters) else ()
    return [reference.name, chosen, _sources(own, root)]


def _sources(references: Sequence[str], root: Path) -> list[object] | None:
    """What decides what functions of the suite's tree do; None for no function."""
    return [sources_hash(references, root), imported_versions(references, root)] if references else None


def _as_program(path: Path, source: ModelSpec, last: object) -> tuple[str, object]:
    """A program runs where the original does; `last`, the parameters of the step that wrote it, may ask for sparse products."""
    its = source.parameters
    assert isinstance(its, TorchParameters)
    sparse = bool(getattr(last, "semi_structured", False))
    return "torch", TorchParameters(program=path, threads=its.threads, device=its.device, semi_structured=sparse)


def _identity(observer: ModelObserver, model: ModelSpec, root: Path) -> str:
    found = observer.fingerprint(model, root)
    if found is None:
        raise ModelError(f"{model.name} has no fingerprint, so that nothing made of it could be found again; give it a version:")
    return found


def _onnx_path(model: ModelSpec, root: Path) -> Path | None:
    return root / model.parameters.path if isinstance(model.parameters, OnnxParameters) else None


def _torch_module(model: ModelSpec, root: Path) -> Any:
    from harness.models.torch_model import TorchAdapter  # noqa: PLC0415
    from harness.models.torch_module import build  # noqa: PLC0415  # imports torch

    assert isinstance(model.parameters, TorchParameters)
    if model.parameters.factory is None or model.parameters.weights is None:
        raise ModelError(f"{model.name} is an exported program; compress works on a factory with weights, or on an ONNX model")
    return build(model.parameters, root, TorchAdapter().files(model.parameters, root))


def _reason(done: Ended) -> str:
    """The sentence the child gave, or what it last said when it died."""
    found = _last(done, "error")
    return f"its process {done.how}" if found is None else str(found)


def _last(done: Ended, key: str) -> Any:
    """What the child last said under `key`, None when it said nothing of it."""
    for line in reversed(done.out.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and key in found:
            return found[key]
    return None

"""Candidates made by `compress:` steps, each in a process of its own: a crash of a library costs the candidate, never the run."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from harness.compress.export import OnnxExport
from harness.compress.maker import FileMaker
from harness.core.children import Ended, run_child
from harness.core.models import ModelSpec
from harness.core.suite import Suite
from harness.data.opener import DataOpener
from harness.errors import ModelError
from harness.models.feed import feed
from harness.models.observer import ModelObserver
from harness.models.parameters import OnnxParameters, TorchParameters
from harness.ports.compress import Artefact, Feed
from harness.ports.data import Dataset
from harness.wiring.project import Project
from harness.wiring.registers import registers


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
        command = [
            sys.executable,
            "-P",
            "-m",
            "harness.wiring.make_candidate",
            str(self.suite.path.resolve()),
            model.name,
            str(self.project.root),
            str(os.getpid()),
        ]
        done = run_child(command, self.suite.root)
        found = self.files.find(model, source)
        if done.status == 0 and found is not None:
            return found
        raise ModelError(f"{self.suite.name}: candidate {model.name} could not be made: {_reason(done)}")


def file_maker(suite: Suite, project: Project) -> FileMaker:
    """The maker itself, for the process that makes, and for looking up what is made."""
    kinds = registers()
    observer, opener = ModelObserver(kinds.models), DataOpener(kinds.sources, project.cache)
    datasets: dict[str, Dataset] = {}

    def dataset(name: str) -> Dataset:
        if name not in suite.data:
            raise ModelError(f"there is no data set {name!r} to calibrate on; the suite has {', '.join(suite.data)}")
        if name not in datasets:
            datasets[name] = opener.open(suite.data[name], suite.root)
        return datasets[name]

    def feed_of(model: ModelSpec, data: str, rows: int | None) -> Feed:
        return feed(model, suite.root, dataset(data), rows)

    return FileMaker(
        cache=project.cache / "models",
        suite=suite.name,
        root=suite.root,
        techniques=kinds.techniques,
        feed=feed_of,
        fingerprint=lambda model: _identity(observer, model, suite.root),
        data_hash=lambda name: dataset(name).fingerprint,
        export=OnnxExport(lambda model: _onnx_path(model, suite.root), lambda model: _torch_module(model, suite.root)),
        verify_on=next(iter(suite.data)),
        onnx_parameters=lambda path: OnnxParameters(path=path),
    )


def _identity(observer: ModelObserver, model: ModelSpec, root: Path) -> str:
    found = observer.fingerprint(model, root)
    if found is None:
        raise ModelError(f"{model.name} has no fingerprint, so that nothing made of it could be found again; give it a version:")
    return found


def _onnx_path(model: ModelSpec, root: Path) -> Path | None:
    return root / model.parameters.path if isinstance(model.parameters, OnnxParameters) else None


def _torch_module(model: ModelSpec, root: Path) -> Any:
    from harness.models.torch_module import build  # noqa: PLC0415  # imports torch

    assert isinstance(model.parameters, TorchParameters)
    if model.parameters.factory is None or model.parameters.weights is None:
        raise ModelError(f"{model.name} is an exported program; compress works on a factory with weights, or on an ONNX model")
    return build(model.parameters, root, root / model.parameters.weights).eval()


def _reason(done: Ended) -> str:
    """The sentence the child gave, or what it last said when it died."""
    for line in reversed(done.out.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and "error" in found:
            return str(found["error"])
    return f"its process {done.how}"

"""Candidates made by `compress:` steps, each in a process of its own: a crash of a library costs the candidate, never the run."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from harness.core.models import ModelSpec
from harness.core.suite import Suite
from harness.errors import ModelError
from harness.ports.compress import Artefact
from harness.wiring.project import Project
from harness.wiring.registers import registers


class SubprocessMaker:
    """Makes candidates by `python -m harness.wiring.make_candidate`, which reads the suite file itself."""

    def __init__(self, suite: Suite, project: Project) -> None:
        self.suite = suite
        self.project = project

    def make(self, model: ModelSpec, source: ModelSpec) -> Artefact:
        """See `Maker.make`; `ModelError` when a step fails, with its sentence."""
        command = [
            sys.executable,
            "-m",
            "harness.wiring.make_candidate",
            str(self.suite.path.resolve()),
            model.name,
            str(self.project.root),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.suite.root)
        answer = _last_json(done.stdout)
        if answer is None:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise ModelError(f"{self.suite.name}: making the candidate {model.name} died with status {done.returncode}: {last}")
        if "error" in answer:
            raise ModelError(f"{self.suite.name}: making the candidate {model.name} failed: {answer['error']}")
        folder = Path(str(answer["folder"]))
        parameters = registers().models.get("onnx").parameters.model_validate({"path": str(answer["model"])})
        given = replace(model, kind="onnx", parameters=parameters, steps=())
        record = json.loads((folder / "artifact.json").read_text(encoding="utf-8"))
        return Artefact(given, folder, record)


def _last_json(text: str) -> dict[str, object] | None:
    """The answer is the last line; libraries may have printed before it."""
    for line in reversed(text.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return None

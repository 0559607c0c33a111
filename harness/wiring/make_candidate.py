"""`python -m harness.wiring.make_candidate SUITE CANDIDATE PROJECT PARENT [steps]`: makes one candidate for the process PARENT.

Exit status 0 when it lies in the project's cache afterwards; otherwise the last line is `{"error": "<sentence>"}`. With `steps` the
models between its steps are brought into a form that can be run, and the last line is `{"steps": {"<step>": "<why not>"}}`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness.compress.maker import FileMaker
from harness.core.children import be_killed_with_parent
from harness.core.models import ModelSpec
from harness.core.suite import Suite
from harness.errors import HarnessError
from harness.wiring.making import STEPS, file_maker
from harness.wiring.project import Project
from harness.wiring.sessions import load


def main(suite_path: str, candidate: str, project: str, what: str = "") -> int:
    """Make it; 0 or 1."""
    try:
        suite = load(Path(suite_path))
        model, maker = suite.model(candidate), file_maker(suite, Project(Path(project)))
        if what == STEPS:
            found = maker.make_steps(model, _resolved(suite.model(model.source), suite, maker))
            missing = {step.reached.label: step.reason for step in found if step.model is None}
            sys.stdout.write("\n" + json.dumps({STEPS: missing}) + "\n")
        else:
            _resolved(model, suite, maker)
    except HarnessError as error:
        sys.stdout.write("\n" + json.dumps({"error": str(error)}) + "\n")
        return 1
    return 0


def _resolved(model: ModelSpec, suite: Suite, maker: FileMaker) -> ModelSpec:
    """The model itself, or the artefact its steps make of the model they start from."""
    return maker.make(model, _resolved(suite.model(model.source), suite, maker)).model if model.steps else model


if __name__ == "__main__":
    be_killed_with_parent(int(sys.argv[4]))
    sys.exit(main(*sys.argv[1:4], *sys.argv[5:]))

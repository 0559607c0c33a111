"""`python -m harness.wiring.make_candidate SUITE CANDIDATE PROJECT PARENT`: makes one candidate for the process PARENT.

Exit status 0 when it lies in the project's cache afterwards; otherwise the last line is `{"error": "<sentence>"}`.
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
from harness.wiring.making import file_maker
from harness.wiring.project import Project
from harness.wiring.sessions import load


def main(suite_path: str, candidate: str, project: str) -> int:
    """Make it; 0 or 1."""
    try:
        suite = load(Path(suite_path))
        _resolved(suite.model(candidate), suite, file_maker(suite, Project(Path(project))))
    except HarnessError as error:
        sys.stdout.write("\n" + json.dumps({"error": str(error)}) + "\n")
        return 1
    return 0


def _resolved(model: ModelSpec, suite: Suite, maker: FileMaker) -> ModelSpec:
    """The model itself, or the artefact its steps make of the model they start from."""
    return maker.make(model, _resolved(suite.model(model.source), suite, maker)).model if model.steps else model


if __name__ == "__main__":
    be_killed_with_parent(int(sys.argv[4]))
    sys.exit(main(*sys.argv[1:4]))

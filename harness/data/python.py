"""The source kind `python`: a function of the suite's tree makes the rows, in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from harness.catalogue.entrypoints import imported_versions
from harness.core.children import Ended, run_child
from harness.data.parameters import PythonParameters
from harness.errors import DataError


class PythonSource:
    """Runs `module:function` with the suite's folder on the path, so that its imports leave this process alone."""

    def modules(self, parameters: PythonParameters) -> tuple[str, ...]:
        """The function."""
        return (parameters.function,)

    def identity(self, parameters: PythonParameters, root: Path) -> Mapping[str, str]:
        """Hashes of the files it declares to read, and versions of the packages its modules import."""
        hashes = imported_versions((parameters.function,), root)
        for name in parameters.files:
            try:
                hashes[name] = hashlib.sha256((root / name).read_bytes()).hexdigest()
            except OSError as error:
                raise DataError(f"python source {parameters.function}: cannot read {root / name} ({error.strerror})") from error
        return hashes

    def materialise(self, parameters: PythonParameters, root: Path, path: Path) -> None:
        """Call the function and write what it returns to `path`."""
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            report = Path(scratch) / "report.json"
            command = [sys.executable, "-P", "-m", "harness.data.python_worker", parameters.function, str(root.resolve())]
            done = run_child([*command, str(path.resolve()), str(report), str(os.getpid())], root)
            if done.status:
                raise DataError(f"python source {parameters.function}: {_reason(report, done)}")


def _reason(report: Path, done: Ended) -> str:
    if report.is_file():
        return str(json.loads(report.read_text(encoding="utf-8"))["error"])
    return f"its process {done.how}"

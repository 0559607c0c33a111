"""The command line, called in this process (quick) or in one of its own (honest about imports and signals)."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import main


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


class Door:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Result:
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        said = self._capsys.readouterr()
        code = stopped.value.code
        assert "Traceback" not in said.err
        return Result(code if isinstance(code, int) else 0, said.out, said.err)


def process(*arguments: str, cwd: Path, before: str = "", after: str = "") -> Result:
    """`harness …` in a fresh interpreter; `before` and `after` are Python lines around it."""
    script = (
        f"import atexit, sys\n{before}\n"
        f"def _after():\n    pass\n    {after or 'pass'}\n"
        f"atexit.register(_after)\nfrom harness.cli import main\nmain({list(arguments)!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1"}
    )
    return Result(done.returncode, done.stdout, done.stderr)

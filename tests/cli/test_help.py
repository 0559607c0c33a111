"""The way in: help, version, and command lines that make no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import __version__
from tests.cli.door import Door, process

COMMANDS = ("run", "judge", "plan", "baseline", "report", "init", "schema", "doctor", "clean", "compress")


def test_help_names_every_command(harness: Door) -> None:
    said = harness("--help")
    assert said.status == 0
    listed = [line.split()[0] for line in said.out.partition("Commands:")[2].splitlines() if line.strip()]
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize("command", [*COMMANDS, "baseline accept", "baseline show", "baseline diff"])
def test_every_command_explains_itself(harness: Door, command: str) -> None:
    said = harness(*command.split(), "--help")
    assert said.status == 0
    assert f"Usage: harness {command}" in said.out


def test_version(harness: Door) -> None:
    assert harness("--version").out.strip() == f"harness {__version__}"


def test_without_a_command_it_shows_the_help(harness: Door) -> None:
    said = harness()
    assert said.status == 2
    assert said.err.startswith("Usage: harness")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["run", "--frsh"], "--fresh"),
        (["schema", "verdict"], "'suite', 'result'"),
        (["baseline", "accept", "x"], "--note"),
    ],
)
def test_a_command_line_that_makes_no_sense(harness: Door, arguments: list[str], hint: str) -> None:
    said = harness(*arguments)
    assert said.status == 2
    assert hint in said.err
    assert len(said.err.splitlines()) == 1
    assert "--help" in said.err


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = "{'numpy', 'pydantic', 'pyarrow', 'scipy', 'onnx', 'onnxruntime', 'torch', 'ruamel', 'polars', 'plotly', 'rich', 'jinja2'}"
    said = process(
        "--help", cwd=tmp_path, after=f"print(sorted({heavy} & {{name.partition('.')[0] for name in sys.modules}}), file=sys.stderr)"
    )
    assert said.status == 0
    assert said.err.strip() == "[]"

"""docs/commands.md names every command and every option, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.door import Door

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_DECLARED = re.compile(r"^  (?:-\w, )?(--[a-z][a-z-]*)", re.MULTILINE)


def section(title: str) -> str:
    return next(part for part in PAGE.split("\n## ") if part.startswith(f"{title}\n"))


@pytest.mark.parametrize("command", ["run", "plan", "init", "report", "schema", "clean", "baseline"])
def test_every_option_is_on_the_page_and_none_that_is_not(harness: Door, command: str) -> None:
    helped = harness(command, "--help").out
    if command == "baseline":
        helped = "".join(harness("baseline", each, "--help").out for each in ("accept", "show", "diff"))
    known = set(_DECLARED.findall(helped))
    documented = set(_OPTION.findall(section(f"harness {command}")))
    assert documented | {"--help"} == known | {"--help"}


def test_judge_takes_what_run_takes_but_fresh(harness: Door) -> None:
    options = {command: set(_OPTION.findall(harness(command, "--help").out)) for command in ("run", "judge")}
    assert options["run"] - options["judge"] == {"--fresh"}

"""`harness report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    results: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RESULT.json | SUITE]...", help="Results, or suites whose latest result is in reports/.  [default: all]"),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Where reports are.  [default: reports/ of the project]")
    ] = None,
    only_path: Annotated[bool, typer.Option("--open", help="Print the path of the page and nothing else, for: xdg-open $(…).")] = False,
) -> None:
    """Write report pages again from result.json."""
    from harness.cli.reporting import render_again  # noqa: PLC0415  # only this command pays for it

    render_again(tuple(results or ()), folder, only_path=only_path)

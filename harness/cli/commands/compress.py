"""`harness compress`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.commands import options


def compress(
    paths: options.Suites = None,
    candidate: options.Candidates = None,
    listed: Annotated[bool, typer.Option("--list", help="List the techniques, what each works on and what it needs.")] = False,
    layers: Annotated[bool, typer.Option("--layers", help="Show what became of every layer.")] = False,
    copy_to: Annotated[
        Path | None, typer.Option("--copy-to", metavar="DIR", help="Also copy each model and its record there.", show_default=False)
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Make the candidates that suites describe by compress:, and judge nothing.

    A candidate lies in .harness/models/<suite>/<candidate>/ with artifact.json, which says how it was made. What was made
    before is found again; a killed run goes on after the last whole step.
    """
    from harness.cli.compressing import compress_suites, list_techniques  # noqa: PLC0415  # only this command pays for it

    if listed:
        raise typer.Exit(list_techniques())
    raise typer.Exit(compress_suites(tuple(paths or ()), tuple(candidate or ()), every_layer=layers, copy_to=copy_to, quiet=quiet))

"""`harness baseline accept | show | diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.commands import options

baseline = typer.Typer(name="baseline", no_args_is_help=True, help="Accept, show and compare baselines.", rich_markup_mode=None)


@baseline.command()
def accept(
    suite: options.OneSuite,
    note: Annotated[str, typer.Option("--note", help="What changed, and why it is accepted.")],
    candidate: options.Candidates = None,
    who: Annotated[str | None, typer.Option("--who", metavar="NAME", help="Who accepts.  [default: git's user.name, or the login]")] = None,
    override: Annotated[str, typer.Option("--override", metavar="REASON", help="Accept although a verdict blocks, for this reason.")] = "",
    golden: Annotated[bool, typer.Option("--golden", help="Pin the golden baseline anew: drift is measured from here on.")] = False,
) -> None:
    """Accept the present state as the one to compare with.

    Gathers what is not stored, judges, and writes baselines/; a run never does. Refused when a verdict blocks.
    """
    from harness.cli.baselines import accept_suite  # noqa: PLC0415  # only this command pays for it

    accept_suite(suite, tuple(candidate or ()), note=note, who=who, override=override, golden=golden)


@baseline.command()
def show(suite: options.OneSuite, candidate: options.Candidates = None) -> None:
    """Show what was accepted, by whom and when."""
    from harness.cli.baselines import show_suite  # noqa: PLC0415  # only this command pays for it

    show_suite(suite, tuple(candidate or ()))


@baseline.command()
def diff(
    suite: options.OneSuite,
    candidate: options.Candidates = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Where the latest report is.  [default: reports/ of the project]")
    ] = None,
    stored: Annotated[bool, typer.Option("--stored", help="Judge stored evidence instead of reading the latest report.")] = False,
) -> None:
    """Show what moved since the baseline was accepted.

    The largest change comes first. Compares with the latest report of the suite, or with stored evidence when there is none.
    """
    from harness.cli.baselines import diff_suite  # noqa: PLC0415  # only this command pays for it

    diff_suite(suite, tuple(candidate or ()), report, stored=stored)

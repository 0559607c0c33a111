"""`harness run`."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.commands import options


def run(
    paths: options.Suites = None,
    candidate: options.Candidates = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ignore stored evidence and run the models again.")] = False,
    strict: options.Strict = False,
    report: options.ReportFolder = None,
    no_report: options.NoReport = False,
    without_original: options.WithoutOriginal = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the suites: gather what is not stored, judge, report.

    Exit status: 0 when nothing blocks, 1 for a FAIL or an INCONCLUSIVE that blocks, 2 when something could not be
    measured, a suite is wrong, or nothing was judged.
    """
    from harness.cli.running import Request, run_suites  # noqa: PLC0415  # only this command pays for it

    request = Request(tuple(paths or ()), tuple(candidate or ()), fresh, strict, report, no_report, without_original, quiet)
    raise typer.Exit(run_suites(request))

"""`harness judge`."""

from __future__ import annotations

import typer

from harness.cli.commands import options


def judge(
    paths: options.Suites = None,
    candidate: options.Candidates = None,
    strict: options.Strict = False,
    report: options.ReportFolder = None,
    no_report: options.NoReport = False,
    without_original: options.WithoutOriginal = False,
    quiet: options.Quiet = False,
) -> None:
    """Judge again from stored evidence; no model is run.

    For when a margin or a segment has changed: no model is loaded either. What was never gathered is an ERROR that
    says so. Exit status as of run.
    """
    from harness.cli.running import Request, run_suites  # noqa: PLC0415  # only this command pays for it

    request = Request(tuple(paths or ()), tuple(candidate or ()), False, strict, report, no_report, without_original, quiet, gather=False)
    raise typer.Exit(run_suites(request))

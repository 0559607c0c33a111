"""`harness plan`."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.commands import options


def plan(
    paths: options.Suites = None,
    candidate: options.Candidates = None,
    segments: Annotated[bool, typer.Option("--segments", help="List every segment.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Say what the data can prove and what a run costs.

    Before anything runs: per suite, check and segmentation the number of examples, the probability that a candidate which
    lost nothing passes (power), the smallest margin provable and the smallest drop detectable with a probability of 80 %,
    and how many examples are missing; then the number of model calls.
    """
    from harness.cli.planning import plan_suites  # noqa: PLC0415  # only this command pays for it

    raise typer.Exit(plan_suites(tuple(paths or ()), tuple(candidate or ()), every_segment=segments, as_json=as_json))

"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Suites = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PATHS", help="Suite files, or folders to search for them.  [default: suites/]", show_default=False),
]
OneSuite = Annotated[str, typer.Argument(metavar="SUITE", help="A suite file, or the name of a suite in suites/.")]
Candidates = Annotated[
    list[str] | None,
    typer.Option("--candidate", metavar="NAME", help="Only this candidate; may be given several times.", show_default=False),
]
ReportFolder = Annotated[
    Path | None,
    typer.Option("--report", metavar="DIR", help="Where reports are written.  [default: reports/ of the project]", show_default=False),
]
NoReport = Annotated[bool, typer.Option("--no-report", help="Write no reports.")]
Strict = Annotated[bool, typer.Option("--strict", help="Every INCONCLUSIVE fails the run.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no tables: only what blocks.")]
WithoutOriginal = Annotated[
    bool, typer.Option("--without-original", help="Judge against the original's outcomes in baselines/; the original is not run.")
]

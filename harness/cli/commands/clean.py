"""`harness clean`."""

from __future__ import annotations

from typing import Annotated

import typer


def clean(
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="Remove what was not used for so long: 30d (or 30), 12h, 90min.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove everything.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the stored evidence and remove nothing.")] = False,
) -> None:
    """Free space in .harness/, or say what lies there.

    Evidence, candidates made by compress:, and copies of data. Without options nothing is removed.

    Nothing is lost that another run would not gather again; reports and baselines are never touched.
    """
    from harness.cli.cleaning import clean_project  # noqa: PLC0415  # only this command pays for it

    clean_project(older_than, everything=everything, dry_run=dry_run, listed=listed)

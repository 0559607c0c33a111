"""`harness doctor`."""

from __future__ import annotations

import typer


def doctor() -> None:
    """Say what is installed and whether suites can run here.

    Exit status 1 when they cannot.
    """
    from harness.cli.diagnosis import diagnose  # noqa: PLC0415  # only this command pays for it

    raise typer.Exit(diagnose())

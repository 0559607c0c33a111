"""The command line. `harness --help` must stay quick: nothing here imports more than typer before a command runs."""

from __future__ import annotations

import io
import sys


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the console script: one sentence and status 2 for what is wrong, 130 for Ctrl-C; a traceback for neither."""
    # Late: importing the package costs nothing, so that its parts can be used without building the commands.
    from harness.cli.app import app  # noqa: PLC0415
    from harness.cli.ending import INTERRUPTED, ending, interrupted  # noqa: PLC0415

    for stream in (sys.stdout, sys.stderr):
        # A terminal or log that knows fewer characters shows the others as \u2192; printing must not fail for an arrow.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with ending():
        # The parser turns Ctrl-C into a status of its own.
        status = app(args=arguments, prog_name="harness", standalone_mode=False)
        if status == INTERRUPTED:
            interrupted()
        sys.exit(status)

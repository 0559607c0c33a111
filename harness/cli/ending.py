"""How the command line ends when something is wrong: one sentence on stderr and a status, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from harness.errors import HarnessError

WRONG = 2
"""Exit status when the command line, a suite or a measurement is wrong."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


@contextmanager
def ending() -> Iterator[None]:
    """Turn what is wrong into a sentence and an exit status."""
    try:
        yield
    except HarnessError as error:
        _leave(f"harness: {error}", WRONG)
    except (KeyboardInterrupt, typer.Abort):
        _leave("harness: interrupted; evidence gathered so far is kept, and the next run goes on from there", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone (`harness plan | head`). Nothing may be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        show = getattr(error, "show", None)
        if show is None:
            raise
        _leave(f"harness: {_of_command_line(error)}", int(getattr(error, "exit_code", WRONG)))


def _of_command_line(error: Exception) -> str:
    """What the parser of the command line says, and where to look."""
    message = str(getattr(error, "format_message", lambda: str(error))()).rstrip(".")
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "harness")
    return f"{message}; see: {path} --help"


def _leave(message: str, status: int) -> None:
    sys.stdout.flush()
    print(message, file=sys.stderr)  # noqa: T201  # the command line speaks
    sys.exit(status)

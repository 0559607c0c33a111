"""How the command line ends when something is wrong: one sentence on stderr and a status, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from harness.errors import HarnessError, SuiteError, system_sentence

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
        _leave(sentence_of(error), WRONG)
    except (KeyboardInterrupt, typer.Abort):
        interrupted()
    except BrokenPipeError:
        raise  # Whoever read our output has gone: there is nobody to tell.
    except OSError as error:
        _leave(f"harness: {system_sentence(error)}", WRONG)
    except Exception as error:
        # Errors of the command line itself: the parser has classes of its own, and they know their status.
        status = getattr(error, "exit_code", None)
        if status is None:
            raise
        _leave(_of_command_line(error), int(status))


def sentence_of(error: HarnessError) -> str:
    """What to print for an error; faults of suites as `path:line:column: message`, which editors and CI understand."""
    return str(error) if isinstance(error, SuiteError) else f"harness: {error}"


def interrupted() -> None:
    """Leave after Ctrl-C."""
    _leave("harness: interrupted; evidence gathered so far is kept, and the next run goes on from there", INTERRUPTED)


def _of_command_line(error: Exception) -> str:
    """What the parser of the command line says, and where to look."""
    message = str(getattr(error, "format_message", lambda: str(error))()).rstrip(".")
    if message.startswith("Usage:"):
        return message  # Called without a command: this is the help.
    context = getattr(error, "ctx", None)
    return f"harness: {message}; see: {getattr(context, 'command_path', 'harness')} --help"


def _leave(message: str, status: int) -> None:
    sys.stdout.flush()
    print(message, file=sys.stderr)  # noqa: T201  # the command line speaks
    sys.exit(status)

"""Libraries that print, log and warn, kept to themselves."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import textwrap
import warnings
from collections.abc import Iterator

from harness.errors import HarnessError, ModelError

LONGEST_QUOTE = 300
"""Characters of what a library says that are quoted."""


@contextlib.contextmanager
def quiet(what: str) -> Iterator[None]:
    """No output of a library; whatever it raises becomes a `ModelError` that says it could not do `what`."""
    previous, handlers, level = logging.root.manager.disable, list(logging.root.handlers), logging.root.level
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    except HarnessError:
        raise
    except Exception as error:
        raise ModelError(f"ONNX Runtime's quantizer could not {what} the model: {type(error).__name__}: {_said(error)}") from error
    finally:
        logging.disable(previous)
        # One of its modules sets up the root logger when it is imported.
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)


def _said(error: BaseException) -> str:
    """The first line of what the quantizer says, in whole words, without advice to use options that no suite can set."""
    line = next(iter(str(error).strip().splitlines()), "no message")
    kept = [sentence for sentence in re.split(r"(?<=\.)\s+", line) if "extra_options" not in sentence]
    return textwrap.shorten(" ".join(kept) or line, LONGEST_QUOTE, placeholder=" …")

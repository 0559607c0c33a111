"""Libraries that print, log and warn, kept to themselves."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

from harness.compress.graph import first_line
from harness.errors import HarnessError, ModelError


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
        said = f"{type(error).__name__}: {first_line(error)}"
        raise ModelError(f"ONNX Runtime's quantizer could not {what} the model: {said}") from error
    finally:
        logging.disable(previous)
        # One of its modules sets up the root logger when it is imported.
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)

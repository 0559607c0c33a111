"""Every exception the harness raises on purpose.

::

    HarnessError                 one clear sentence: what, where, what was expected, what to do
    ├── SuiteError               a suite file is wrong; carries every fault with file:line:column
    ├── DataError                a data file or column is wrong
    ├── ModelError               a model file, its inputs or its outputs are wrong
    ├── MeasurementError         a measurement was made and cannot be trusted (INVALID)
    ├── StoreError               the evidence store cannot be read or written
    ├── BaselineError            a baseline is missing, foreign or out of date
    ├── MissingDependencyError   an optional library is not installed
    └── UsageError               a command line or call makes no sense

None of them is meant to reach a person as a traceback: the doors (command line, pytest) print the message alone.
"""

from __future__ import annotations

from dataclasses import dataclass


class HarnessError(Exception):
    """Base of all errors the harness raises on purpose."""


@dataclass(frozen=True, order=True)
class Fault:
    """One mistake in a suite file, at a 1-based line and column."""

    path: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}"


class SuiteError(HarnessError):
    """A suite file is wrong. `faults` holds every mistake found, in file order."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class DataError(HarnessError):
    """A data file or column is wrong."""


class ModelError(HarnessError):
    """A model file, its inputs or its outputs are wrong."""


class MeasurementError(HarnessError):
    """A measurement was made and cannot be trusted."""


class StoreError(HarnessError):
    """The evidence store cannot be read or written."""


class BaselineError(HarnessError):
    """A baseline is missing, foreign or out of date."""


class MissingDependencyError(HarnessError):
    """An optional library is not installed."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {library}, which is not installed; run: pip install 'compression-harness[{extra}]'")


class UsageError(HarnessError):
    """A command line or call makes no sense."""


def system_sentence(error: OSError) -> str:
    """What the operating system refused, as one sentence: the last resort where nobody could say it better."""
    what = error.strerror or " ".join(str(error).split()) or type(error).__name__
    if error.filename is None:
        return f"the operating system refused: {what}; check disk, memory and permissions"
    return f"{error.filename} cannot be used: {what}; check that it is there and may be read, and that its folder may be written"

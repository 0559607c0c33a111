"""One machine, many measurements: gathering shares it, timed work has it alone.

Two runs on one machine see each other through a lock file in the temporary folder. Within a thread the lock nests;
timed work inside gathering of the same thread would wait for itself for ever and is refused at once.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import ReadWriteLock, Timeout

from harness.errors import MeasurementError, UsageError

Mode = Literal["shared", "exclusive"]

PATIENCE = 3600.0
"""Seconds to wait for other work on this machine."""

SOON = 10.0
"""Seconds after which waiting is said aloud."""

_log = logging.getLogger(__name__)


@dataclass
class _Hold:
    """What one thread holds: its mode, the lock, and how many holds are nested in it."""

    mode: Mode | None = None
    lock: ReadWriteLock | None = None
    depth: int = 0

    def leave(self) -> None:
        self.depth -= 1
        if self.depth == 0:
            lock, self.lock, self.mode = self.lock, None, None
            if lock is not None:
                lock.close()


class _Holds(threading.local):
    def __init__(self) -> None:
        self.hold = _Hold()


_holds = _Holds()


@contextmanager
def machine(mode: Mode, patience: float = PATIENCE, path: Path | None = None) -> Iterator[None]:
    """Hold this machine, together with others (`shared`) or alone (`exclusive`).

    Raises `MeasurementError` after `patience` seconds of waiting, and `UsageError` for exclusive work asked for while
    the same thread holds the machine shared. Where no lock file can be made the work goes on without one.
    """
    # Kept here, not looked up again: a generator may be closed by another thread than the one that started it.
    hold = _holds.hold
    if hold.mode == "shared" and mode == "exclusive":
        raise UsageError("timed work was asked for while this thread is still gathering; finish or close the gathering first")
    if hold.mode is None:
        hold.lock = _acquire(path or lock_path(), mode, patience)
        hold.mode = mode
    hold.depth += 1
    try:
        yield
    finally:
        hold.leave()


def lock_path() -> Path:
    """The lock file of this user on this machine."""
    return Path(tempfile.gettempdir()) / f"compression-harness-{os.getuid()}" / "machine.lock"


def _acquire(path: Path, mode: Mode, patience: float) -> ReadWriteLock | None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Not the shared instance per path: that one refuses other threads instead of letting them wait.
        lock = ReadWriteLock(path, timeout=patience, is_singleton=False)
    except (OSError, ValueError, sqlite3.Error) as error:
        _tell(path, error)
        return None
    try:
        _wait(lock, path, mode, patience)
    except Timeout:
        lock.close()
        raise MeasurementError(
            f"another run has been using this machine for more than {patience:g} s, and timed work must not share it; "
            f"wait for it to end, or remove {path} if nothing runs"
        ) from None
    except (OSError, sqlite3.Error) as error:
        lock.close()
        _tell(path, error)
        return None
    return lock


def _wait(lock: ReadWriteLock, path: Path, mode: Mode, patience: float) -> None:
    acquire = lock.acquire_read if mode == "shared" else lock.acquire_write
    try:
        acquire(min(SOON, patience))
    except Timeout:
        if patience <= SOON:
            raise
        _log.warning("waiting for another run on this machine, for at most %g s (lock: %s)", patience, path)
        acquire(patience - SOON)


def _tell(path: Path, error: Exception) -> None:
    _log.warning("measuring without a lock on this machine, because %s cannot be used: %s", path, error)

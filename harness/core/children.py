"""Processes that do one thing for this one: they end with it, and what they started ends with them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

KEPT = 2**16
"""Bytes of what a child printed last that are kept."""

_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of linux/prctl.h
_CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


@dataclass(frozen=True)
class Ended:
    """How a child ended: `status` is negative for a signal, `out` and `err` the last of what it printed."""

    status: int
    out: str
    err: str

    @property
    def how(self) -> str:
        """`was killed by SIGKILL: …`, `ended with status 3: …`, with the last line it printed."""
        how = f"was killed by {signal.Signals(-self.status).name}" if self.status < 0 else f"ended with status {self.status}"
        last = (self.err.strip().splitlines() or ["it said nothing"])[-1]
        return f"{how}: {last}"


def run_child(command: Sequence[str], cwd: Path, environment: Mapping[str, str] | None = None) -> Ended:
    """Run `command` to its end, in a session of its own; what is left of that session is killed then, and on Ctrl-C.

    `environment` is added to that of this process.
    """
    pipes, its = subprocess.PIPE, {**os.environ, **(environment or {})}
    child = subprocess.Popen(
        command, cwd=cwd, env=its, stdin=subprocess.DEVNULL, stdout=pipes, stderr=pipes, bufsize=0, start_new_session=True
    )
    assert child.stdout is not None
    assert child.stderr is not None
    # Read by threads and not to the end: something the child started may hold a pipe open long after the child is gone.
    out, err = _Tail(child.stdout), _Tail(child.stderr)
    try:
        status = child.wait()
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        texts = [tail.end() for tail in (out, err)]
    return Ended(status, *texts)


def thread_variables(threads: int) -> dict[str, str]:
    """Environment variables by which numerical libraries start so many threads; they are read when a library is loaded."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    return dict.fromkeys(names, str(threads))


class _Tail:
    """The end of a stream, read by a thread."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._kept = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while chunk := self._stream.read(KEPT):
                self._kept = (self._kept + chunk)[-KEPT:]

    def end(self) -> str:
        self._thread.join(timeout=1)
        with contextlib.suppress(OSError):
            self._stream.close()
        return self._kept.decode("utf-8", errors="replace")


def be_killed_with_parent(parent: int) -> None:
    """Let the kernel end this process with `parent`, where it can, and keep what this process starts within reach of its parent."""
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        # Processes that user code starts and lets go stay this one's children, so that they can be ended with it.
        prctl(_CHILD_SUBREAPER, 1)
    if os.getppid() != parent:
        os._exit(1)

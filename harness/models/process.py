"""The harness's side of one worker process."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from typing import Any, BinaryIO, cast

import psutil

from harness.core.children import thread_variables
from harness.errors import ModelError
from harness.models.job import Job
from harness.models.protocol import Frame, read_frame, write_frame

LOAD_TIMEOUT = 600.0
"""Seconds a model may take to load, the import of its runtime included."""

_CHUNK = 1 << 16
_LONGEST_LINE = 300

_TOKEN = "HARNESS_WORKER"  # environment variable by which what a worker started is recognised
# The parent's import path is handed on, so that whatever it found (an editable install, a test's folder) the worker finds.
_START = "import sys; sys.path += [p for p in sys.argv[2:] if p not in sys.path]; from harness.models.worker import main; main()"

_log = logging.getLogger(__name__)


class WorkerDiedError(Exception):
    """The worker ended. `cause` says how: `was killed by SIGSEGV`, `ended with exit status 3`."""

    def __init__(self, cause: str, last_line: str) -> None:
        self.cause = cause
        super().__init__(f"{cause}; last line it printed: {last_line}" if last_line else cause)


class WorkerProcess:
    """A running worker. Frames go out and come in by threads, so that neither side ever waits for a full pipe.

    Use as a context manager: leaving it ends the process and everything it started.
    """

    def __init__(self, job: Job, *, only_weigh: bool = False) -> None:
        self._name = job.name
        self._token = uuid.uuid4().hex
        self._process = _start(job.threads, self._token)
        self._outgoing: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._incoming: queue.SimpleQueue[tuple[float, Frame | None]] = queue.SimpleQueue()
        self._lines: deque[str] = deque(maxlen=20)  # the last ones it printed
        self._writer, self._reader, self._listener, self._watcher = (
            threading.Thread(target=target, daemon=True, name=f"worker-{name}")
            for name, target in (("requests", self._write), ("replies", self._read), ("log", self._listen), ("end", self._watch))
        )
        for thread in (self._writer, self._reader, self._listener, self._watcher):
            thread.start()
        self.send(Frame({"is": "job", "job": job.as_json(), "only_weigh": only_weigh}))

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def ready(self) -> float:
        """Wait until the model is loaded; seconds that took. `ModelError` when it cannot be."""
        try:
            received = self.receive(LOAD_TIMEOUT)
        except WorkerDiedError as error:
            raise ModelError(f"model {self._name!r}: loading it {error}") from error
        if received is None:
            raise ModelError(f"model {self._name!r}: loading it took more than {LOAD_TIMEOUT:g} s")
        return float(self._usable(received[1]).head["load_seconds"])

    def ask(self, what: str, timeout: float) -> dict[str, Any]:
        """The reply to a request without data; `ModelError` when there is none."""
        self.send(Frame({"is": what}))
        return dict(self.receive_or_fail(timeout).head)

    def receive_or_fail(self, timeout: float) -> Frame:
        """The next frame; `ModelError` when none comes or the model turns out to be unusable."""
        try:
            received = self.receive(timeout)
        except WorkerDiedError as error:
            raise ModelError(f"model {self._name!r}: its worker {error}") from error
        if received is None:
            raise ModelError(f"model {self._name!r}: no answer within {timeout:g} s")
        return self._usable(received[1])

    def _usable(self, frame: Frame) -> Frame:
        if frame.kind == "unusable":
            raise ModelError(f"model {self._name!r}: {frame.head['message']}")
        return frame

    def send(self, frame: Frame) -> None:
        """Send a frame, without waiting."""
        self._outgoing.put(frame)

    def receive(self, timeout: float) -> tuple[float, Frame] | None:
        """The next frame with the `time.monotonic()` at which it came; None after `timeout` seconds.

        Raises `WorkerDiedError` when no more will come.
        """
        try:
            at, frame = self._incoming.get(timeout=max(0.0, timeout))
        except queue.Empty:
            return None
        if frame is None:
            self._incoming.put((at, None))
            raise WorkerDiedError(self._cause(), self._last_line())
        return at, frame

    def close(self) -> None:
        """End the worker and what it started."""
        _end_tree(self._process, self._token)
        self._outgoing.put(None)
        self._watcher.join()
        for thread in (self._writer, self._reader, self._listener):
            thread.join(timeout=1)
        # A process that outlived the worker may hold the other ends, and a thread still read them: closing unbuffered
        # streams does not wait for it, and it ends when that process does.
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _cause(self) -> str:
        status = self._process.wait()
        if status >= 0:
            return f"ended with exit status {status}"
        hint = " (out of memory?)" if status == -signal.SIGKILL else ""
        return f"was killed by {signal.Signals(-status).name}{hint}"

    def _last_line(self) -> str:
        self._listener.join(timeout=1)
        return self._lines[-1] if self._lines else ""

    def _write(self) -> None:
        assert self._process.stdin is not None
        while (frame := self._outgoing.get()) is not None:
            try:
                write_frame(self._process.stdin.fileno(), frame)
            except (BrokenPipeError, ValueError, OSError):
                return

    def _read(self) -> None:
        with contextlib.suppress(ValueError, OSError):
            while (frame := read_frame(cast(BinaryIO, self._process.stdout))) is not None:
                self._incoming.put((time.monotonic(), frame))

    def _watch(self) -> None:
        """Say that no more will come. The end of the pipe does not tell: a process the model forked may hold it open."""
        self._process.wait()
        self._reader.join(timeout=1)
        self._incoming.put((time.monotonic(), None))

    def _listen(self) -> None:
        assert self._process.stderr is not None
        rest = b""
        with contextlib.suppress(ValueError, OSError):
            while chunk := self._process.stderr.read(_CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                rest = rest[-_LONGEST_LINE:]
                for line in lines:
                    self._note(line)
        self._note(rest)

    def _note(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()[:_LONGEST_LINE]
        if text:
            self._lines.append(text)
            _log.debug("%s: %s", self._name, text)


def _end_tree(process: subprocess.Popen[bytes], token: str) -> None:
    """Kill the worker, its process group, and what it started that has left the group."""
    started = _children(process.pid) if process.poll() is None else _orphans(token)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for child in started:
        with contextlib.suppress(psutil.Error):
            child.kill()


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _orphans(token: str) -> list[psutil.Process]:
    """What a worker started that died by itself: nobody's children any more, but they inherited its environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(_TOKEN) == token:
                found.append(process)
    return found


def _start(threads: int, token: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        **thread_variables(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        _TOKEN: token,
    }
    path = [entry or os.getcwd() for entry in sys.path]
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _START, str(os.getpid()), *path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=environment,
        # A group of its own: Ctrl-C reaches the harness alone, and ending the group ends what the model started.
        start_new_session=True,
    )

"""A worker process never outlives the process that started it, and leaves its own streams to the protocol."""

from __future__ import annotations

import os
import resource
import select
import signal
import threading

from harness.core.children import be_killed_with_parent


def take_streams() -> tuple[int, int]:
    """Descriptors to read requests from and to write replies to.

    What user code prints goes to standard error from now on, and its standard input is empty, so that neither can
    disturb the protocol.
    """
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


def die_with_parent(parent: int, requests: int) -> None:
    """End this process as soon as `parent` is gone or has closed the pipe `requests` is read from.

    The kernel's own signal reaches a process that hangs in native code; the watch on the pipe works everywhere else.
    """
    be_killed_with_parent(parent)
    threading.Thread(target=_watch, args=(requests,), daemon=True, name="parent-watch").start()


def _watch(requests: int) -> None:
    poll = select.poll()
    poll.register(requests, 0)
    poll.poll()
    os._exit(0)


def quiet_crashes() -> None:
    """No core files for crashes that the harness expects, and no traceback for a Ctrl-C that its parent handles."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)

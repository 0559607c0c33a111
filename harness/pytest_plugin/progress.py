"""Progress of long gathering, drawn past pytest's capture, and only for a person at a terminal."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from harness.ports.progress import Progress, Silent


def progress_of(config: pytest.Config) -> Progress:
    """Silent in workers, with -q, and where nobody looks."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if hasattr(config, "workerinput") or config.get_verbosity() < 0 or not sys.__stderr__ or not sys.__stderr__.isatty():
        return Silent()
    return _PastCapture(capture)


class _PastCapture:
    """A rich progress bar, drawn while capturing is suspended."""

    def __init__(self, capture: Any) -> None:
        self.capture = capture
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def start(self, what: str, total: int) -> None:
        """See `Progress.start`."""
        if self._bar is None:
            from rich.console import Console  # noqa: PLC0415 - only when a bar is drawn
            from rich.progress import Progress as Bar  # noqa: PLC0415

            if self.capture is not None:
                self.capture.suspend_global_capture(in_=False)
            self._bar = Bar(console=Console(stderr=True), transient=True)
            self._bar.start()
        self._tasks[what] = self._bar.add_task(what, total=total)

    def advance(self, what: str, count: int) -> None:
        """See `Progress.advance`."""
        self._bar.advance(self._tasks[what], count)

    def finish(self, what: str) -> None:
        """See `Progress.finish`."""
        self._tasks.pop(what, None)
        if not self._tasks and self._bar is not None:
            self._bar.stop()
            self._bar = None
            if self.capture is not None:
                self.capture.resume_global_capture()

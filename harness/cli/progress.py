"""Progress of long work as bars on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from harness.ports.progress import Progress, Silent

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


def progress_for(*, quiet: bool) -> Progress:
    """Bars for a person at a terminal, silence for everybody else."""
    return Silent() if quiet or not sys.stderr.isatty() else TerminalProgress()


class TerminalProgress:
    """One bar per piece of work; drawn while there is any, and then gone."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}

    def start(self, what: str, total: int) -> None:
        """See `Progress.start`."""
        if self._bars is None:
            self._bars = _bars()
            self._bars.start()
        self._tasks[what] = self._bars.add_task(what, total=total)

    def advance(self, what: str, count: int) -> None:
        """See `Progress.advance`."""
        if self._bars is not None and what in self._tasks:
            self._bars.advance(self._tasks[what], count)

    def finish(self, what: str) -> None:
        """See `Progress.finish`."""
        task = self._tasks.pop(what, None)
        if self._bars is None or task is None:
            return
        self._bars.remove_task(task)
        if not self._tasks:
            self._bars.stop()
            self._bars = None


def _bars() -> Bars:
    from rich.console import Console  # noqa: PLC0415  # only where a bar is drawn
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)

"""How much memory this process has used at most."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class PeakMemory:
    """Growth of the peak resident set since it was made.

    On Linux the peak is reset first (`5` to clear_refs, see proc(5)), so that what was needed to import a runtime and
    given back again does not hide what the model needs. Elsewhere the peak of the whole life is compared.
    """

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            _CLEAR.write_text("5")
        self._start = _resident()

    def growth(self) -> int:
        """Bytes."""
        return max(0, _peak() - self._start)


def _resident() -> int:
    return _field("VmRSS") or _highest()


def _peak() -> int:
    return _field("VmHWM") or _highest()


def _highest() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _field(name: str) -> int | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith(name + ":")), None)
    return int(found.split()[1]) * 1024 if found else None

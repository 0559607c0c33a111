"""Energy by hardware counters: those of the processor (RAPL), and those of NVIDIA GPUs (NVML).

Counters run for the whole machine: what else ran meanwhile is in them. Where none can be read nothing is said, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

POWERCAP = Path("/sys/class/powercap")
"""Where Linux keeps RAPL: microjoules of each processor package, readable by root alone on most machines."""


@dataclass(frozen=True)
class _Counter:
    """Microjoules so far; `wraps` is where it begins again at 0, None when it does not."""

    read: Callable[[], int]
    wraps: int | None = None

    def since(self, before: int) -> int:
        """Microjoules since it stood at `before`; right while it wraps at most once."""
        passed = self.read() - before
        return passed + self.wraps if passed < 0 and self.wraps is not None else max(passed, 0)


class EnergyMeter:
    """Reads the counters when it is entered and when it is left. `found` is then what to tell, None where none can be read."""

    def __init__(self, powercap: Path = POWERCAP) -> None:
        self._counters = {"RAPL": _packages(powercap), "NVML": _gpus()}
        self._before: dict[str, list[int]] = {}
        self.found: Mapping[str, object] | None = None

    def __enter__(self) -> EnergyMeter:
        self._before = {method: [counter.read() for counter in counters] for method, counters in self._counters.items() if counters}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._before:
            return
        passed = [
            counter.since(before)
            for method, values in self._before.items()
            for counter, before in zip(self._counters[method], values, strict=True)
        ]
        self.found = {"joules": round(sum(passed) / 1e6, 3), "method": "+".join(self._before)}


def spent(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Seconds of all parts together, and their energy if it was measured in each that took any time."""
    parts = [part for part in parts if part["seconds"]]
    found: dict[str, Any] = {"seconds": round(sum(float(part["seconds"]) for part in parts), 3)}
    if parts and all(part.get("energy") for part in parts):
        methods = dict.fromkeys(str(part["energy"]["method"]) for part in parts)
        found["energy"] = {"joules": round(sum(float(part["energy"]["joules"]) for part in parts), 3), "method": ", ".join(methods)}
    return found


def _packages(powercap: Path) -> list[_Counter]:
    """One counter per processor package; parts of a package have their own, which would count twice."""
    counters = []
    for folder in sorted(powercap.glob("intel-rapl:*")) if powercap.is_dir() else []:
        if folder.name.count(":") == 1 and _number(folder / "energy_uj") is not None:
            counters.append(_Counter(partial(_microjoules, folder / "energy_uj"), _number(folder / "max_energy_range_uj")))
    return counters


def _microjoules(path: Path) -> int:
    return _number(path) or 0


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _gpus() -> list[_Counter]:
    """One counter per GPU that has one; [] without the library or a driver, or where one GPU is too old to have it."""
    try:
        import pynvml  # noqa: PLC0415  # of the extra `load`

        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
        counters = [_Counter(partial(_millijoules, pynvml, handle)) for handle in handles]
        for counter in counters:
            counter.read()
    except Exception:  # no library, no driver, no counter, no permission: all mean that nothing can be read
        return []
    return counters


def _millijoules(library: Any, handle: object) -> int:
    return int(library.nvmlDeviceGetTotalEnergyConsumption(handle)) * 1000

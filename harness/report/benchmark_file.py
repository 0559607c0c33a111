"""What was timed, in the format and at the place in which pytest-benchmark keeps its own results.

`pytest-benchmark list`, `compare` and `--histogram` then work on it. The format is the one it documents and writes; none of
its code is used, and it need not be installed.
"""

from __future__ import annotations

import json
import logging
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import StoreError
from harness.ports.benchmarks import Benchmark
from harness.report.files import write_atomically

FOLDER = ".benchmarks"
FORMAT = "5.0.0"
"""The version of pytest-benchmark whose format this is."""

_TRIES = 100
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BenchmarkFolder:
    """`<project>/.benchmarks/<machine id>/NNNN_<commit>_<time>.json`, one file per measurement."""

    project: Path

    def write(self, benchmarks: Sequence[Benchmark]) -> None:
        """See `BenchmarkLog.write`. A folder that cannot be written costs the file, never the verdict."""
        now = datetime.now(UTC)
        commit = commit_info(self.project)
        document = {
            "machine_info": machine_info(),
            "commit_info": commit,
            "benchmarks": [benchmark_entry(benchmark) for benchmark in benchmarks],
            "datetime": now.isoformat(),
            "version": FORMAT,
        }
        changed = "_uncommited-changes" if commit["dirty"] else ""  # spelt as pytest-benchmark does
        try:
            path = _reserved(self.project / FOLDER / machine_id(), f"{commit['id']}_{now:%Y%m%d_%H%M%S}{changed}.json")
            write_atomically(path, json.dumps(document, indent=4))
        except (OSError, StoreError) as error:
            _log.warning("the timings could not be written for pytest-benchmark: %s", error)


def benchmark_entry(benchmark: Benchmark) -> dict[str, Any]:
    """One entry of `benchmarks`."""
    return {
        "group": benchmark.group,
        "name": benchmark.name,
        "fullname": benchmark.fullname,
        "params": None,
        "param": None,
        "extra_info": dict(benchmark.facts),
        "options": {"disable_gc": True, "timer": "perf_counter", "warmup": True},
        "stats": statistics(benchmark.seconds),
    }


def statistics(seconds: NDArray[np.float64]) -> dict[str, Any]:
    """The statistics of an entry, as pytest-benchmark defines them. A "round" of it is a request here.

    >>> found = statistics(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> found["q1"], found["median"], found["q3"], found["ops"], found["outliers"]
    (1.5, 2.5, 3.5, 0.4, '2;0')
    """
    data = np.sort(seconds)
    count, mean = len(data), float(data.mean())
    spread = float(data.std(ddof=1)) if count > 1 else 0.0
    q1, q3 = _quartiles(data)
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    within = data[(data >= low) & (data <= high)]
    beyond = int(((data < mean - spread) | (data > mean + spread)).sum()), int(((data < low) | (data > high)).sum())
    return {
        "min": float(data[0]),
        "max": float(data[-1]),
        "mean": mean,
        "stddev": spread,
        "rounds": count,
        "median": float(np.median(data)),
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": beyond[1],
        "stddev_outliers": beyond[0],
        "outliers": f"{beyond[0]};{beyond[1]}",
        "ld15iqr": float(within[0]),
        "hd15iqr": float(within[-1]),
        "ops": count / float(data.sum()) if data.sum() > 0 else 0.0,
        "total": float(data.sum()),
        "iterations": 1,
    }


def _quartiles(data: NDArray[np.float64]) -> tuple[float, float]:
    """Medians of the halves; with an odd count the mean of those with and without the middle (methods 2 and 3)."""
    half = len(data) // 2
    if len(data) % 2 == 0:
        return float(np.median(data[:half])), float(np.median(data[half:]))
    if len(data) == 1:
        return float(data[0]), float(data[0])
    q1 = (np.median(data[:half]) + np.median(data[: half + 1])) / 2
    q3 = (np.median(data[half:]) + np.median(data[half + 1 :])) / 2
    return float(q1), float(q3)


def machine_id() -> str:
    """`Linux-CPython-3.11-64bit`: the folder's name."""
    release = ".".join(platform.python_version_tuple()[:2])
    return f"{platform.system()}-{platform.python_implementation()}-{release}-{platform.architecture()[0]}"


def machine_info() -> dict[str, Any]:
    """What pytest-benchmark says of a machine."""
    return {
        "node": platform.node(),
        "processor": platform.processor(),
        "machine": platform.machine(),
        "python_compiler": platform.python_compiler(),
        "python_implementation": platform.python_implementation(),
        "python_implementation_version": platform.python_version(),
        "python_version": platform.python_version(),
        "python_build": list(platform.python_build()),
        "release": platform.release(),
        "system": platform.system(),
        "cpu": {},
    }


def commit_info(project: Path) -> Mapping[str, Any]:
    """The commit that is checked out, `unversioned` where there is none."""
    found = _git(project, "log", "-1", "--format=%H%n%cI%n%aI")
    if found is None:
        return {"id": "unversioned", "time": None, "author_time": None, "dirty": False, "project": project.name, "branch": "(unknown)"}
    commit, time, author_time = found.splitlines()
    branch = _git(project, "rev-parse", "--abbrev-ref", "HEAD") or "(unknown)"
    return {
        "id": commit,
        "time": time,
        "author_time": author_time,
        "dirty": bool(_git(project, "status", "--porcelain", "--untracked-files=no")),
        "project": project.name,
        "branch": "(detached head)" if branch == "HEAD" else branch,
    }


def _git(project: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(project), *arguments], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _reserved(folder: Path, name: str) -> Path:
    """A file that nobody else writes: the number after the highest that is there, and the next when another run was faster."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = [int(path.name[:4]) for path in folder.glob("[0-9][0-9][0-9][0-9]_*.json")]
    first = max(numbers, default=0) + 1
    for number in range(first, first + _TRIES):
        path = folder / f"{number:04}_{name}"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            continue
        return path
    raise OSError(f"no free name in {folder}")

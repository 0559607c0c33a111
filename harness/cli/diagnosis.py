"""`harness doctor`: what is installed, and whether this machine can run suites."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, entry_points, requires, version
from importlib.util import find_spec
from pathlib import Path

from harness import __version__, wiring
from harness.catalogue import Kinds
from harness.cli.console import say
from harness.core.units import format_bytes
from harness.errors import HarnessError
from harness.store.files import FileStore

_DISTRIBUTION = "compression-harness"
_EXTRAS = ("torch", "load", "llm", "suites")
_LITTLE = 2 * 10**9
"""Bytes of free disk below which evidence of a large suite may not fit."""

_WORKER_SECONDS = 60.0


def diagnose() -> int:
    """Print everything; 0 when suites can run here, else 1."""
    trouble: list[str] = []
    say(f"harness {__version__}")
    for section, lines in (
        ("machine", _machine()),
        ("libraries", _libraries()),
        ("extras", _extras()),
        ("kinds", _kinds(trouble)),
        ("store", _store(trouble)),
        ("worker process", _worker(trouble)),
    ):
        say(f"\n{section}")
        for line in lines:
            say(f"  {line}")
    say()
    for line in trouble:
        say(f"trouble: {line}")
    say("this machine cannot run suites as it is" if trouble else "everything that suites need is here")
    return 1 if trouble else 0


def _machine() -> Iterator[str]:
    facts = wiring.environment()
    yield f"python {facts['python']}, {facts['platform']}"
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield f"{facts['processor']}, {facts['cores']} cores, {usable} of them for this process"
    gpu = Path("/dev/nvidia0").exists() or Path("/dev/kfd").exists()
    yield "a GPU was found" if gpu else "no GPU was found; suites that require one are skipped"


def _libraries() -> Iterator[str]:
    names = (
        dict.fromkeys(_name(line) for line in requires(_DISTRIBUTION) or () if "extra ==" not in line) if _installed(_DISTRIBUTION) else {}
    )
    for name in names or dict.fromkeys(("numpy", "pyarrow", "pydantic", "onnxruntime")):
        yield f"{name} {_version(name)}"
    yield f"execution providers of ONNX Runtime: {', '.join(_providers()) or 'none'}"


def _extras() -> Iterator[str]:
    for extra in _EXTRAS:
        marker = f'extra == "{extra}"'
        wanted = [
            _name(line)
            for line in (requires(_DISTRIBUTION) if _installed(_DISTRIBUTION) else None) or ()
            if marker in line.replace("'", '"')
        ]
        missing = [name for name in wanted if _version(name) == "not installed"]
        have = ", ".join(f"{name} {_version(name)}" for name in wanted if name not in missing)
        yield (
            f"[{extra}] "
            + ("installed" if not missing else f"not installed: {', '.join(missing)} missing")
            + (f" ({have})" if have else "")
        )


def _kinds(trouble: list[str]) -> Iterator[str]:
    """Every kind a suite may name, with the package it comes from when that is not the harness."""
    try:
        found = wiring.registers()
    except HarnessError as error:
        trouble.append(str(error))
        return
    for title, group, kinds in (
        ("models", "harness.models", found.models),
        ("sources", "harness.sources", found.sources),
        ("metrics", "harness.metrics", found.metrics),
        ("checks", "harness.checks", found.checks),
        ("techniques", "harness.techniques", found.techniques),
    ):
        yield f"{title}: {', '.join(_named(kinds, group))}"


def _named(kinds: Kinds[object], group: str) -> Iterator[str]:
    origins = {point.name: point.dist.name for point in entry_points(group=group) if point.dist is not None}
    for kind in kinds:
        yield f"{kind.name} (from {origins[kind.name]})" if kind.name in origins else kind.name


def _store(trouble: list[str]) -> Iterator[str]:
    cache = wiring.find_project(Path.cwd() / "suites" / "any.yaml", Path.cwd()).cache
    free = shutil.disk_usage(_existing(cache)).free
    yield f"{cache}: {format_bytes(free)} free" + ("" if free > _LITTLE else "; that is little, free some with: harness clean")
    try:
        areas = FileStore(cache).usage()
        yield ", ".join(f"{area.name} {area.items:,} ({format_bytes(area.bytes)})" for area in areas)
        unfinished = [entry.description for entry in FileStore(cache).entries() if not entry.complete]
        if unfinished:
            yield f"unfinished evidence, which the next run resumes: {', '.join(unfinished[:5])}"
    except (HarnessError, OSError) as error:
        trouble.append(f"the store {cache} cannot be read: {error}")
    if not os.access(_existing(cache), os.W_OK):
        trouble.append(f"{_existing(cache)} cannot be written to, and evidence is kept there; change its permissions")


def _worker(trouble: list[str]) -> Iterator[str]:
    """Models run in processes of their own: whether one can be started, and how long that takes."""
    started = time.monotonic()
    command = [sys.executable, "-c", "import harness.models.worker"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_WORKER_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        trouble.append(f"a worker process cannot be started: {error}")
        return
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        trouble.append(f"a worker process died with status {done.returncode}: {last}")
        return
    yield f"started in {time.monotonic() - started:.2f} s"


def _providers() -> list[str]:
    if find_spec("onnxruntime") is None:
        return []
    import onnxruntime  # noqa: PLC0415  # only this line of the diagnosis needs it

    return list(onnxruntime.get_available_providers())


def _existing(path: Path) -> Path:
    """The nearest folder at or above `path` that is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _name(requirement: str) -> str:
    """`lm-eval[hf]>=0.4.9; extra == "llm"` → `lm-eval`."""
    end = next((place for place, letter in enumerate(requirement) if not (letter.isalnum() or letter in "-_.")), len(requirement))
    return requirement[:end]


def _installed(name: str) -> bool:
    return _version(name) != "not installed"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"

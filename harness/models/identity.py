"""What decides a model's answers, as one hash: evidence gathered under it may be used again."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.catalogue.entrypoints import imported_versions, sources_hash
from harness.core.models import ModelSpec
from harness.models.files import existing
from harness.models.recorded import RecordedAdapter
from harness.ports.model import ModelAdapter

FORMAT = 2
"""Changes whenever the harness prepares inputs or reads outputs differently."""


def fingerprint(model: ModelSpec, root: Path, adapter: ModelAdapter) -> str | None:
    """SHA-256 of everything that decides the answers; None when nothing promises that they stay the same.

    Files with external data, module sources, tokenizers, how inputs are made and outputs read, versions of Python, of the
    libraries a kind runs on and of what the suite's own modules import, the processor or GPU, and batch size and
    time-out, which move the last digits and what counts as hanging.
    """
    identity = dict(adapter.identity(model.parameters))
    if identity.get("version") == "":
        return None
    facts: dict[str, Any] = {
        "format": FORMAT,
        "kind": model.kind,
        "identity": identity,
        "files": [file_hash(path) for path in adapter.files(model.parameters, root)],
        "output": None if model.output is None else asdict(model.output),
    }
    if not isinstance(adapter, RecordedAdapter):
        facts |= _running(model, root, adapter)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _running(model: ModelSpec, root: Path, adapter: ModelAdapter) -> dict[str, Any]:
    """What only matters for models that are run."""
    steps = [spec.step for spec in model.inputs if spec.step]
    tokenizers = [spec.tokenizer for spec in model.inputs if spec.tokenizer]
    modules = [*adapter.modules(model.parameters), *steps]
    libraries = ["numpy", *adapter.distributions(), *(["tokenizers"] if tokenizers else [])]
    return {
        "inputs": [asdict(spec) for spec in model.inputs],
        "sources": sources_hash(modules, root),
        "imports": imported_versions(modules, root),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "tokenizers": [file_hash(existing(Path(name), root, "tokenizer file")) for name in tokenizers],
        "libraries": {name: _version(name) for name in libraries},
        "device": _device(),
        "batch_size": model.batch_size,
        "timeout": model.timeout,
    }


def file_hash(path: Path) -> str:
    """SHA-256 of the bytes of a file, read once for as long as its size and time of change stay the same."""
    status = path.stat()
    return _file_hash(path.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _file_hash(path: Path, size: int, changed: int) -> str:  # noqa: ARG001  # size and time are the key of the cache
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


@cache
def _device() -> str:
    """Processor and GPUs: kernels are chosen by what they can do, and round differently."""
    names = {platform.machine()}
    for path, key in [
        (Path("/proc/cpuinfo"), "model name"),
        *((path, "Model") for path in Path("/proc/driver/nvidia/gpus").glob("*/information")),
    ]:
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        names |= {line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key}
    return ", ".join(sorted(names))

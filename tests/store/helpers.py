"""What the tests of the store share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.arrays.outputs import Outputs
from harness.core.models import OutputSpec, OutputType, Task
from harness.ports.model import Chunk
from harness.ports.store import EvidenceKey
from harness.store.files import FileStore

KEY = EvidenceKey("model", "data", "clean", "int8 on test")
LABELS = OutputSpec(OutputType.LABEL, Task.MULTICLASS, labels=("a", "b", "c"))
LOGITS = OutputSpec(OutputType.LOGITS, Task.MULTICLASS, labels=("a", "b", "c"))


def chunk(start: int, values: Any, status: Any = None, **more: Any) -> Chunk:
    array: NDArray[Any] = np.asarray(values)
    count = len(array) if status is None else len(status)
    return Chunk(start, array, np.zeros(count, np.uint8) if status is None else np.asarray(status, np.uint8), **more)


def store(root: Path) -> FileStore:
    return FileStore(root / ".harness")


def put(root: Path, *chunks: Chunk, key: EvidenceKey = KEY, flush: bool = False) -> None:
    with store(root).open(key) as entry:
        for each in chunks:
            entry.append(each)
            if flush:
                entry.flush()
        entry.finish({"numpy": np.__version__})


def get(root: Path, spec: OutputSpec = LABELS, key: EvidenceKey = KEY) -> Outputs:
    found = store(root).load(key, spec)
    assert found is not None
    return found


def parts(root: Path) -> list[Path]:
    return sorted((root / ".harness" / "evidence").glob("*/part-*.parquet"))

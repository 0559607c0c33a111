"""What a model weighs on disk and in memory."""

from __future__ import annotations

import statistics
import zlib
from collections.abc import Iterable
from pathlib import Path

from harness.arrays.footprint import Footprint, Weights
from harness.errors import ModelError
from harness.models.gathering import Request
from harness.models.job import Job
from harness.models.machine import machine
from harness.models.process import WorkerProcess

LOADS = 3
"""Fresh processes a model is loaded in: the fastest load and the median peak memory count."""

_GZIP_LEVEL = 6
_GZIP_FRAME = 31  # zlib's word for its largest window inside gzip's header and trailer
_BLOCK = 2**20


def weigh(job: Job, request: Request | None, timeout: float) -> Footprint:
    """The footprint of the job's model.

    Loads are timed with the machine to itself; `request` is the batch it answers while memory is watched. The growth
    of memory counts from after the import of the runtime, and so does the time.
    """
    files = job.adapter.files(job.parameters, job.root)
    seconds, peaks = zip(*(_load(job, request, timeout) for _ in range(LOADS)), strict=True)
    return Footprint(
        disk_bytes=sum(path.stat().st_size for path in files) if files else None,
        gzip_bytes=gzip_size(files) if files else None,
        weights=_weights(job),
        load_seconds=min(seconds),
        peak_memory=round(statistics.median(peaks)),
    )


def _load(job: Job, request: Request | None, timeout: float) -> tuple[float, int]:
    with machine("exclusive"), WorkerProcess(job) as worker:
        seconds = worker.ready()
        if request is not None:
            _answer(worker, job, request, timeout)
        return seconds, int(worker.ask("memory", timeout)["bytes"])


def _answer(worker: WorkerProcess, job: Job, request: Request, timeout: float) -> None:
    """Wait for the answer to one batch, whatever it says."""
    worker.send(request.frame())
    while True:
        received = worker.receive_or_fail(timeout)
        if received.kind == "wrong":
            raise ModelError(f"model {job.name!r}: {received.head['message']}")
        if received.kind == "answer":
            return


def _weights(job: Job) -> Weights | None:
    with WorkerProcess(job, only_weigh=True) as worker:
        worker.ready()
        found = worker.ask("weights", 3600.0)["weights"]
    return None if found is None else Weights(**found)


def gzip_size(files: Iterable[Path]) -> int:
    """Bytes of the files, each compressed by gzip at level 6 (without name and time)."""
    total = 0
    for path in files:
        packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FRAME)
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                total += len(packer.compress(block))
        total += len(packer.flush())
    return total

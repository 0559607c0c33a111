"""What a model weighs on disk and in memory."""

from __future__ import annotations

import statistics
import zlib
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from harness.arrays.footprint import Footprint, Weights
from harness.errors import ModelError
from harness.models.gathering import Request
from harness.models.job import Job
from harness.models.machine import machine
from harness.models.process import WorkerDiedError, WorkerProcess

LOADS = 3
"""Fresh processes a model is loaded in: the fastest load and the median peak memory count."""

BATCHES = 3
"""Batches that are tried: one that kills the model is counted where answers are, and must not hide what the model weighs."""

_GZIP_LEVEL = 6
_GZIP_FRAME = 31  # zlib's word for its largest window inside gzip's header and trailer
_BLOCK = 2**20


def weigh(job: Job, requests: Iterable[Request], timeout: float) -> Footprint:
    """The footprint of the job's model.

    Loads are timed with the machine to itself; the first of `requests` that it survives is the batch it answers while
    memory is watched. Where it survives none, how much memory it takes is not known: a model at rest takes less. The
    growth of memory counts from after the import of the runtime, and so does the time.
    """
    files = job.adapter.files(job.parameters, job.root)
    answered, first, troubles = _first_load(job, requests, timeout)
    try:
        seconds, peaks = zip(first, *(_load(job, answered, timeout) for _ in range(LOADS - 1)), strict=True)
    except _NotSurvivedError as error:
        raise ModelError(f"model {job.name!r}: on a batch that it had answered before {error}") from error
    return Footprint(
        disk_bytes=sum(path.stat().st_size for path in files) if files else None,
        gzip_bytes=gzip_size(files) if files else None,
        weights=_weights(job),
        load_seconds=min(seconds),
        peak_memory=None if troubles and answered is None else round(statistics.median(peaks)),
        note=_note(answered, troubles),
    )


def _first_load(job: Job, requests: Iterable[Request], timeout: float) -> tuple[Request | None, tuple[float, int], list[str]]:
    """The first batch the model survives (None: none of the first few), what its load took, and how it failed on those before."""
    troubles: list[str] = []
    for request in islice(requests, BATCHES):
        try:
            return request, _load(job, request, timeout), troubles
        except _NotSurvivedError as error:
            troubles.append(str(error))
    return None, _load(job, None, timeout), troubles


def _note(answered: Request | None, troubles: list[str]) -> str:
    if not troubles:
        return ""
    if answered is None:
        return f"its peak memory is not known: on each of the first {len(troubles)} batches {troubles[-1]}"
    skipped = "the first batch" if len(troubles) == 1 else f"the first {len(troubles)} batches"
    return f"its peak memory was measured on batch {len(troubles) + 1}, since on {skipped} {troubles[-1]}"


class _NotSurvivedError(Exception):
    """The worker died or took too long while it answered a batch."""


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
        try:
            received = worker.receive(timeout)
        except WorkerDiedError as error:
            raise _NotSurvivedError(f"its worker {error}") from error
        if received is None:
            raise _NotSurvivedError(f"it gave no answer within {timeout:g} s")
        frame = received[1]
        if frame.kind == "wrong":
            raise ModelError(f"model {job.name!r}: {frame.head['message']}")
        if frame.kind == "answer":
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

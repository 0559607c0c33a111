"""The worker process: loads one model and answers batches until its parent is done or gone.

Requests and replies are `protocol` frames:

========  ==================================================================================
request   ``job`` (first), ``predict``, ``memory``, ``weights``, ``stage``, ``time``
reply     ``ready`` or ``unusable`` (to ``job``); ``begin`` and then ``answer`` or ``wrong``
          (to ``predict``); ``memory``, ``weights``; ``staged`` or ``unusable`` (to ``stage``);
          ``timed`` or ``unusable`` (to ``time``)
========  ==================================================================================
"""

from __future__ import annotations

import io
import os
import random
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.models.answer import Answer
from harness.models.casting import RowError
from harness.models.guard import die_with_parent, quiet_crashes, take_streams
from harness.models.job import Job
from harness.models.protocol import Frame, pack_arrays, read_frame, unpack_arrays, unpack_batch, write_frame
from harness.models.serving import Server, TokenTargets, sentence


def main() -> None:
    """Serve the job that the parent sends first."""
    quiet_crashes()
    requests, replies = take_streams()
    die_with_parent(int(sys.argv[1]), requests)
    random.seed(0)
    np.random.seed(0)  # whatever user code draws from
    stream = cast(BinaryIO, io.BufferedReader(io.FileIO(requests), 1 << 20))
    first = read_frame(stream)
    if first is not None:
        _serve(first, stream, replies)
    # Not a normal exit: user code may have left threads or handlers behind that would hold the process.
    os._exit(0)


def _serve(first: Frame, stream: BinaryIO, replies: int) -> None:
    try:
        sys.path.insert(0, first.head["job"]["root"])
        job = Job.from_json(first.head["job"])
        server = None if first.head["only_weigh"] else Server(job)
    except HarnessError as error:
        return write_frame(replies, Frame({"is": "unusable", "message": str(error)}))
    except (Exception, SystemExit) as error:
        return write_frame(replies, Frame({"is": "unusable", "message": f"loading it failed with {sentence(error)}"}))
    write_frame(replies, Frame({"is": "ready", "load_seconds": server.load_seconds if server else 0.0}))
    while (request := read_frame(stream)) is not None:
        write_frame(replies, _reply(request, job, server, replies))
    return None


def _reply(request: Frame, job: Job, server: Server | None, replies: int) -> Frame:
    if request.kind == "weights":
        return _weights(job)
    assert server is not None
    if request.kind == "memory":
        return Frame({"is": "memory", "bytes": server.memory()})
    if request.kind in ("stage", "time"):
        return _timing(request, server)
    index = request.head["index"]
    try:
        batch, targets = unpack_batch(request.buffers[0]), _targets(request)
        answer = server.answer(batch, targets, lambda: write_frame(replies, Frame({"is": "begin", "index": index})))
    except RowError as error:
        return Frame({"is": "wrong", "index": index, "row": error.row, "message": str(error)})
    except HarnessError as error:
        return Frame({"is": "wrong", "index": index, "row": None, "message": str(error)})
    return _answered(index, answer)


def _timing(request: Frame, server: Server) -> Frame:
    try:
        if request.kind == "stage":
            server.stopwatch.stage(unpack_batch(request.buffers[0]))
            return Frame({"is": "staged"})
        asked = {name: request.head[name] for name in ("calls", "first", "settle", "every")}
        durations = server.stopwatch.time(**asked)
    except (RowError, HarnessError) as error:
        return Frame({"is": "unusable", "message": str(error)})
    except (Exception, SystemExit) as error:
        return Frame({"is": "unusable", "message": f"it cannot be timed: {sentence(error)}"})
    described, buffers = pack_arrays({"durations": durations})
    return Frame({"is": "timed", "arrays": described}, buffers)


def _targets(request: Frame) -> TokenTargets | None:
    if "targets" not in request.head:
        return None
    arrays = unpack_arrays(request.head["targets"], request.buffers[1:])
    return TokenTargets(arrays["codes"], arrays["lengths"])


def _answered(index: int, answer: Answer) -> Frame:
    arrays: dict[str, NDArray[Any] | None] = {
        "values": answer.values,
        "status": answer.status,
        "offsets": answer.offsets,
        "token_log_probs": answer.token_log_probs,
    }
    described, buffers = pack_arrays({name: array for name, array in arrays.items() if array is not None})
    return Frame({"is": "answer", "index": index, "arrays": described, "messages": answer.messages}, buffers)


def _weights(job: Job) -> Frame:
    try:
        weights = job.adapter.weights(job.parameters, job.root)
    except HarnessError as error:
        return Frame({"is": "unusable", "message": str(error)})
    except Exception as error:
        return Frame({"is": "unusable", "message": f"counting its weights failed with {sentence(error)}"})
    found: Mapping[str, Any] | None = None if weights is None else asdict(weights)
    return Frame({"is": "weights", "weights": found})

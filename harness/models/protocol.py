"""How the harness and a worker process talk: frames of a JSON head and raw buffers, over two pipes.

A frame is a 4-byte little-endian length, that many bytes of JSON, then the buffers whose sizes the head lists under
`sizes`. Nothing is ever pickled.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_LENGTH = struct.Struct("<I")

Buffer = bytes | memoryview


@dataclass(frozen=True)
class Frame:
    """One message: what it `is`, its details, its buffers."""

    head: Mapping[str, Any]
    buffers: tuple[Buffer, ...] = ()

    @property
    def kind(self) -> str:
        """What the message is."""
        return str(self.head["is"])


def write_frame(descriptor: int, frame: Frame) -> None:
    """Write one whole frame; `BrokenPipeError` when nobody reads any more."""
    head = json.dumps({**frame.head, "sizes": [memoryview(part).nbytes for part in frame.buffers]}).encode()
    pending = [memoryview(part).cast("B") for part in (_LENGTH.pack(len(head)) + head, *frame.buffers) if len(part)]
    while pending:
        written = os.writev(descriptor, pending)
        while pending and written >= pending[0].nbytes:
            written -= pending.pop(0).nbytes
        if written:
            pending[0] = pending[0][written:]


def read_frame(stream: BinaryIO) -> Frame | None:
    """The next frame; None at the end, also when the other side died in the middle of one."""
    prefix = _read(stream, _LENGTH.size)
    if prefix is None:
        return None
    head = _read(stream, _LENGTH.unpack(prefix)[0])
    if head is None:
        return None
    message: dict[str, Any] = json.loads(bytes(head))
    buffers: list[Buffer] = []
    for size in message.pop("sizes"):
        part = _read(stream, size)
        if part is None:
            return None
        buffers.append(part)
    return Frame(message, tuple(buffers))


def _read(stream: BinaryIO, size: int) -> memoryview | None:
    target = memoryview(bytearray(size))
    filled = 0
    while filled < size:
        count = stream.readinto(target[filled:])  # type: ignore[attr-defined]  # typeshed's BinaryIO lacks it, files have it
        if not count:
            return None
        filled += count
    return target


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> tuple[list[dict[str, Any]], tuple[Buffer, ...]]:
    """Descriptions for the head, and the buffers of numeric `arrays`."""
    solid = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    described = [{"name": name, "dtype": array.dtype.str, "shape": list(array.shape)} for name, array in solid.items()]
    return described, tuple(array.reshape(-1).view(np.uint8).data for array in solid.values())


def unpack_arrays(described: Sequence[Mapping[str, Any]], buffers: Sequence[Buffer]) -> dict[str, NDArray[Any]]:
    """The arrays that `pack_arrays` packed, without a copy."""
    return {item["name"]: np.ndarray(item["shape"], item["dtype"], buffer) for item, buffer in zip(described, buffers, strict=True)}


def pack_batch(batch: pa.RecordBatch) -> Buffer:
    """A record batch as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return memoryview(sink.getvalue())


def unpack_batch(buffer: Buffer) -> pa.RecordBatch:
    """The record batch that `pack_batch` packed."""
    return pa.ipc.open_stream(pa.py_buffer(buffer)).read_next_batch()

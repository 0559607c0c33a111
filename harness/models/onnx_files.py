"""Which files an ONNX model consists of, read from its protobuf without the onnx library.

Asked before anything is loaded, also where a stored verdict is judged again and no model library may be imported, so
it walks the wire format of the few messages that can hold a tensor (onnx.proto3: ModelProto and below) and skips the
weights themselves.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from harness.core.files import is_readable
from harness.errors import ModelError
from harness.models.files import existing

# Message → field number → message inside it. Field numbers of onnx.proto3.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_GRAPH_FIELD = 7
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class _BrokenError(ValueError):
    """Not protobuf, or cut off."""


def onnx_files(path: Path, root: Path) -> tuple[Path, ...]:
    """The model file and every file its tensors are kept in, in order of first use.

    `ModelError` when one is missing or empty, or the model file is truncated or not ONNX.
    """
    model = existing(path, root, "ONNX model")
    found = {model: None}
    for location in _locations(model):
        folder = model.parent.resolve()
        external = (folder / location).resolve()
        if folder not in external.parents:
            raise ModelError(f"{model} keeps weights in {location!r}, outside its own folder; move them beside it")
        if not is_readable(external, ModelError) or external.stat().st_size == 0:
            raise ModelError(f"{model} keeps weights in {location!r}, which is missing or empty; copy that file beside the model")
        found[model.parent / location] = None
    return tuple(found)


def _locations(model: Path) -> list[str]:
    with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            if not any(number == _GRAPH_FIELD for number, _, _ in _fields(data, 0, len(data))):
                raise _BrokenError
            entries = list(dict.fromkeys(_walk(data, "model", 0, len(data))))
        except (_BrokenError, UnicodeDecodeError, RecursionError):
            raise ModelError(f"{model} is not an ONNX model, or is truncated; export it again, or copy it again whole") from None
    return entries


def _walk(data: mmap.mmap, message: str, start: int, end: int) -> Iterator[str]:
    inside = _INSIDE[message]
    for number, low, high in _fields(data, start, end):
        kind = inside.get(number)
        if kind == "entry":
            key, value = _entry(data, low, high)
            if key == "location":
                yield value
        elif kind is not None:
            yield from _walk(data, kind, low, high)


def _entry(data: mmap.mmap, start: int, end: int) -> tuple[str, str]:
    texts = {number: data[low:high].decode() for number, low, high in _fields(data, start, end)}
    return texts.get(1, ""), texts.get(2, "")


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Field number and byte range of each length-delimited field; the others are skipped."""
    at = start
    while at < end:
        key, at = _varint(data, at, end)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise _BrokenError
        if wire == _VARINT:
            _, at = _varint(data, at, end)
        elif wire in (_FIXED64, _FIXED32):
            at += 8 if wire == _FIXED64 else 4
        elif wire == _BYTES:
            size, at = _varint(data, at, end)
            if at + size > end:
                raise _BrokenError
            yield number, at, at + size
            at += size
        else:
            raise _BrokenError
    if at != end:
        raise _BrokenError


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise _BrokenError

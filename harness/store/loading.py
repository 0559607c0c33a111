"""From the parts of complete evidence to the outputs of one model."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.arrays.outputs import Outputs, RowStatus
from harness.core.models import OutputSpec
from harness.errors import StoreError
from harness.store.folder import EvidenceFolder, PartFile
from harness.store.parts import Part, decode


def load_outputs(folder: EvidenceFolder, rows: int, output: OutputSpec) -> Outputs | None:
    """The outputs in `folder`, None when a part of the `rows` is damaged or gone."""
    parts: list[Part] = []
    at = 0
    for file in folder.parts():
        part = _read(file)
        if part is None or file.first != at or len(part.status) != file.rows:
            return None
        parts.append(part)
        at += file.rows
    return _join(parts, output) if at == rows and parts else None


def _read(file: PartFile) -> Part | None:
    content = file.read()
    if content is None:
        return None
    try:
        return decode(content)
    except (pa.ArrowInvalid, ValueError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise StoreError(f"{file.path} was written by another version of the harness; run with --fresh ({error})") from error


def _join(parts: list[Part], output: OutputSpec) -> Outputs:
    """Parts on which no row succeeded say nothing about shape and type: they take those of the others."""
    telling = [part for part in parts if (part.status == RowStatus.OK).any()] or parts[:1]
    shape, ragged = telling[0].layout.shape, telling[0].layout.ragged
    if any(part.layout.shape != shape or part.layout.ragged != ragged for part in telling):
        shapes = sorted({str(part.layout.shape) for part in telling})
        raise StoreError(f"stored answers change their shape from row to row: {', '.join(shapes)}; run with --fresh")
    dtype = np.result_type(*[np.dtype(part.layout.dtype) for part in telling])
    status = np.concatenate([part.status for part in parts])
    messages = {row: text for part in parts for row, text in part.messages.items()}
    if not ragged:
        return Outputs(output, _dense(parts, shape, dtype, len(status)), status, output.labels, messages=messages)
    values = np.concatenate([part.values for part in parts if _fits(part, shape)]).astype(dtype, copy=False)
    offsets = np.concatenate([[0], np.cumsum(np.concatenate([_lengths(part, shape) for part in parts]))]).astype(np.int64)
    return Outputs(output, values, status, output.labels, offsets, _log_probs(parts, shape), messages)


def _dense(parts: list[Part], shape: tuple[int, ...], dtype: np.dtype[np.generic], rows: int) -> NDArray[np.generic]:
    values = np.zeros((rows, *shape), dtype)
    at = 0
    for part in parts:
        if part.layout.shape == shape and not part.layout.ragged:
            values[at : at + len(part.status)] = part.values
        at += len(part.status)
    return values


def _fits(part: Part, shape: tuple[int, ...]) -> bool:
    return part.layout.ragged and part.layout.shape == shape


def _lengths(part: Part, shape: tuple[int, ...]) -> NDArray[np.int64]:
    if part.offsets is None or not _fits(part, shape):
        return np.zeros(len(part.status), np.int64)
    return np.diff(part.offsets)


def _log_probs(parts: list[Part], shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    known = [part.token_log_probs for part in parts if _fits(part, shape) and len(part.values)]
    found = [each for each in known if each is not None]
    return np.concatenate(found) if found and len(found) == len(known) else None

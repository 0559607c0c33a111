"""Calibration rows: checked, and cut into batches that every calibrator accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.compress.graph import ModelProto
from harness.errors import ModelError
from harness.ports.compress import Feed

Batch = Mapping[str, NDArray[Any]]

BATCH = 32
"""Rows the calibrator sees at a time."""


def calibration_batches(feed: Feed, data: str, model: ModelProto) -> list[Batch]:
    """Every batch of `feed`, cut to equal sizes where shapes allow.

    Histogram calibrators stack what they saw and need batches of one size, so the size is the largest divisor of the
    number of rows up to 32; a model with a fixed batch dimension gets exactly that, and left-over rows are not used.
    `ModelError` for no rows, for NaN or infinite values, and for tensors the model does not take.
    """
    batches = list(feed)
    rows = sum(_rows(batch) for batch in batches)
    if rows == 0:
        raise ModelError(f"calibration: data set {data!r} gave no rows; static quantization needs some, for instance rows: 256")
    _check_names(batches[0], model, data)
    _check_finite(batches, data)
    if len({tuple(array.shape[1:] for array in batch.values()) for batch in batches}) > 1:
        return list(batches)
    joined = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    size = _fixed_batch(model) or max(part for part in range(1, BATCH + 1) if rows % part == 0)
    if size > rows:
        raise ModelError(f"calibration: the model takes batches of exactly {size} rows, and data set {data!r} gave {rows}")
    return [{name: array[start : start + size] for name, array in joined.items()} for start in range(0, rows - size + 1, size)]


def _rows(batch: Batch) -> int:
    return len(next(iter(batch.values()))) if batch else 0


def _check_names(batch: Batch, model: ModelProto, data: str) -> None:
    weights = {tensor.name for tensor in model.graph.initializer}
    wanted = [entry.name for entry in model.graph.input if entry.name not in weights]
    if sorted(batch) != sorted(wanted):
        raise ModelError(
            f"calibration: data set {data!r} gives the tensors {sorted(batch)}, and the model takes {sorted(wanted)}; see input:"
        )


def _check_finite(batches: list[Batch], data: str) -> None:
    row = 0
    for batch in batches:
        for name, array in batch.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                at = row + int(np.argmin(np.isfinite(array.reshape(len(array), -1)).all(axis=1)))
                raise ModelError(f"calibration: tensor {name!r} is NaN or infinite in row {at} (counted from 0) of the rows of {data!r}")
        row += _rows(batch)


def _fixed_batch(model: ModelProto) -> int | None:
    sizes = {
        entry.type.tensor_type.shape.dim[0].dim_value
        for entry in model.graph.input
        if len(entry.type.tensor_type.shape.dim) and entry.type.tensor_type.shape.dim[0].HasField("dim_value")
    }
    return max(sizes) if sizes else None

"""Model inputs made from a data set in this process, for calibration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.core.files import below
from harness.core.models import ModelSpec
from harness.errors import ModelError
from harness.models.casting import RowError
from harness.models.onnx_signature import onnx_inputs
from harness.models.parameters import OnnxParameters
from harness.models.preparation import Preparation
from harness.ports.compress import Feed
from harness.ports.data import Dataset
from harness.ports.model import Tensor


def feed(
    model: ModelSpec, root: Path, dataset: Dataset, rows: int | None, batch_size: int | None = None, tensors: Sequence[Tensor] = ()
) -> Feed:
    """Prepared inputs by tensor name for `rows` examples spread evenly over the data set (None: all), in batches.

    Spread, because a file sorted by class would otherwise calibrate on one class. `tensors` is what the model declares;
    for an ONNX model it is read from its file. Raises `ModelError` when `input:` does not fit the model or a row cannot
    be given to it.
    """
    if not model.inputs:
        raise ModelError(f"model {model.name!r}: nothing says how its input is made from the data; write input:")
    if not tensors and isinstance(model.parameters, OnnxParameters):
        tensors = onnx_inputs(below(root, model.parameters.path))
    prepare = Preparation(model.inputs, tensors, root)
    columns = tuple(dict.fromkeys(column for spec in model.inputs for column in spec.columns))
    size = batch_size or model.batch_size
    for numbers, batch in _spread(dataset, columns, rows, size):
        try:
            yield prepare(batch)
        except RowError as error:
            row = dataset.ids()[int(numbers[error.row])].as_py()
            raise ModelError(f"model {model.name!r}: example {row!r}: {error}") from error


def spread(total: int, rows: int | None) -> NDArray[np.int64]:
    """Numbers of `rows` rows (None: all) spread evenly over `total`, in order."""
    count = total if rows is None else min(rows, total)
    return np.arange(count, dtype=np.int64) * total // max(count, 1)


def _spread(dataset: Dataset, columns: Sequence[str], rows: int | None, size: int) -> Iterator[tuple[NDArray[np.int64], pa.RecordBatch]]:
    """Batches of at most `size` of the chosen rows, with their row numbers; the data set is read once, in passing."""
    chosen = spread(len(dataset), rows)
    count = len(chosen)
    kept: list[pa.RecordBatch] = []
    start = 0
    for batch in dataset.batches(columns, max(size, 1024)):
        inside = chosen[(chosen >= start) & (chosen < start + batch.num_rows)] - start
        if len(inside):
            kept.append(batch.take(pa.array(inside)))
        start += batch.num_rows
    table = pa.Table.from_batches(kept) if kept else None
    for first in range(0, count, size):
        numbers = chosen[first : first + size]
        assert table is not None
        yield numbers, table.slice(first, len(numbers)).combine_chunks().to_batches()[0]

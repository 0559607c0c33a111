"""Model inputs made from a data set in this process, for calibration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
    """Prepared inputs by tensor name for the first `rows` examples (None: all), in batches.

    `tensors` is what the model declares; for an ONNX model it is read from its file. Raises `ModelError` when `input:`
    does not fit the model or a row cannot be given to it.
    """
    if not model.inputs:
        raise ModelError(f"model {model.name!r}: nothing says how its input is made from the data; write input:")
    if not tensors and isinstance(model.parameters, OnnxParameters):
        tensors = onnx_inputs(root / model.parameters.path)
    prepare = Preparation(model.inputs, tensors, root)
    columns = tuple(dict.fromkeys(column for spec in model.inputs for column in spec.columns))
    left = len(dataset) if rows is None else min(rows, len(dataset))
    for batch in dataset.batches(columns, min(batch_size or model.batch_size, max(left, 1))):
        if left <= 0:
            return
        try:
            yield prepare(batch.slice(0, min(left, batch.num_rows)))
        except RowError as error:
            row = dataset.ids()[(len(dataset) if rows is None else min(rows, len(dataset))) - left + error.row].as_py()
            raise ModelError(f"model {model.name!r}: example {row!r}: {error}") from error
        left -= batch.num_rows

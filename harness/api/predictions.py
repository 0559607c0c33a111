"""Predictions and columns in memory, written as the files a suite reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.errors import DataError, UsageError
from harness.ports.data import Dataset

ID = "example"
"""The column of a recording that holds the ids."""

_ANSWER = "answer"


def in_memory(model: Any) -> bool:
    """Whether a model is given by its predictions, not by a path or a description."""
    return not isinstance(model, (str, Path, Mapping))


def as_array(answers: Any, name: str) -> NDArray[Any]:
    """Predictions (n,) or scores (n, classes) as an array; `UsageError` when they are neither."""
    if hasattr(answers, "detach"):
        answers = answers.detach().cpu()
    array = np.asarray(answers)
    if array.dtype == object:
        array = np.asarray([str(value) for value in array.ravel()]).reshape(array.shape)
    if array.ndim not in (1, 2) or array.dtype.kind not in "biufUS":
        found = f"an array of shape {array.shape}" if isinstance(answers, np.ndarray) else type(answers).__name__
        raise UsageError(f"{name}: expected a path, a mapping, or an array of predictions (n,) or scores (n, classes), not {found}")
    return array


def recording(answers: NDArray[Any], path: Path, output: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    """How a suite describes the recording of `answers` at `path`: `outputs:` with the columns that hold them."""
    described = {"path": str(path), "id": ID}
    if answers.ndim == 1:
        return {"outputs": {**described, "score" if output is not None and output.get("type") == "score" else "prediction": _ANSWER}}
    labels = output.get("labels") if output is not None else None
    if not isinstance(labels, Sequence) or isinstance(labels, str):
        raise UsageError(f"{name}: scores per class say nothing without their labels; give output={{'type': …, 'task': …, 'labels': […]}}")
    if len(labels) != answers.shape[1]:
        raise UsageError(f"{name}: {answers.shape[1]} scores per example for {len(labels)} labels; give one per label, in their order")
    return {"outputs": {**described, "scores": {str(label): f"{_ANSWER}-{place}" for place, label in enumerate(labels)}}}


def write_recording(path: Path, answers: NDArray[Any], dataset: Dataset, name: str) -> None:
    """Write `answers` under the ids of the data; `UsageError` when there is not one for each example."""
    if len(answers) != len(dataset):
        raise UsageError(
            f"{name}: {len(answers):,} predictions for {len(dataset):,} examples; give one per example, in the order of the data"
        )
    columns: dict[str, Any] = {ID: dataset.ids()}
    if answers.ndim == 1:
        columns[_ANSWER] = pa.array(answers)
    else:
        columns |= {f"{_ANSWER}-{place}": pa.array(answers[:, place]) for place in range(answers.shape[1])}
    pq.write_table(pa.table(columns), path)


def write_columns(path: Path, columns: Mapping[str, Any]) -> None:
    """Write columns by name; `DataError` when they do not make a table."""
    try:
        table = pa.table({str(name): values if isinstance(values, pa.Array) else pa.array(values) for name, values in columns.items()})
    except (pa.ArrowException, ValueError, TypeError) as error:
        lengths = ", ".join(f"{name}: {len(values):,}" for name, values in columns.items() if hasattr(values, "__len__"))
        raise DataError(f"the columns of data do not make a table ({error}); expected one value per example in each ({lengths})") from error
    pq.write_table(table, path)

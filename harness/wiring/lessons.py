"""What making a candidate reads of data: inputs with true answers, rows that are tested on too, and the score of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.core.models import ModelSpec
from harness.data.content import row_hashes
from harness.errors import MeasurementError, ModelError
from harness.metrics.metric import MeanMetric, Metric, UnitMetric
from harness.models.answer import joined
from harness.models.casting import is_text
from harness.models.completion import completed_output, declared_output
from harness.models.feed import feed, spread
from harness.models.interpretation import Interpretation
from harness.ports.compress import Batch, Lessons
from harness.ports.data import Dataset

_BATCH = 4096


def lessons(model: ModelSpec, root: Path, dataset: Dataset, rows: int | None) -> Lessons:
    """Batches of inputs with their true answers; `ModelError` when the data has none."""
    targets = dataset.targets(completed_output(model, dataset))
    if targets.offsets is not None:
        raise ModelError(
            f"model {model.name!r}: training on the task {targets.task} is not supported; give a candidate that was trained elsewhere"
        )
    chosen = spread(len(dataset), rows)
    start = 0
    for batch in feed(model, root, dataset, rows):
        size = len(next(iter(batch.values())))
        yield batch, targets.values[chosen[start : start + size]]
        start += size


def score(model: ModelSpec, root: Path, dataset: Dataset, metric: Metric, answer: Callable[[Batch], Batch]) -> float:
    """The metric of answers to a whole data set, turned so that more is better; an answer that is not finite is a wrong one."""
    declared, completed = declared_output(model), completed_output(model, dataset)
    assert declared is not None
    assert completed is not None
    interpret = Interpretation(declared, completed)
    parts = [interpret(answer(batch), len(next(iter(batch.values())))) for batch in feed(model, root, dataset, None)]
    whole = joined(parts)
    assert whole.values is not None
    outputs = Outputs(completed, whole.values, whole.status, completed.labels, whole.offsets, whole.token_log_probs)
    targets = dataset.targets(completed)
    try:
        value = _value(metric, outputs, targets)
    except MeasurementError as error:
        raise ModelError(f"{metric.info.name} cannot be computed on {dataset.name!r}: {error}") from error
    return value if metric.info.direction == "higher" else -value


def _value(metric: Metric, outputs: Outputs, targets: Targets) -> float:
    if not isinstance(metric, MeanMetric):
        return metric.prepare(outputs, targets).value()
    units = metric.units(targets) if isinstance(metric, UnitMetric) else None
    scores = metric.scores(outputs, targets)
    return float(np.mean(scores if units is None else scores[units]))


def overlap(model: ModelSpec, learned: Dataset, rows: int | None, tested: Iterable[Dataset]) -> int:
    """How many of `rows` rows of `learned` hold, in the columns the model reads, just what some row of `tested` holds.

    The rows are those that `feed` takes; None means all.
    """
    seen = {content for dataset in tested for content in _contents(model, dataset)}
    contents = list(_contents(model, learned))
    return sum(contents[row] in seen for row in spread(len(contents), rows))


def _contents(model: ModelSpec, dataset: Dataset) -> Iterator[bytes]:
    """A hash of what the model reads of each row."""
    columns = list(dict.fromkeys(column for spec in model.inputs for column in spec.columns))
    read_as_text = {column for spec in model.inputs for column in spec.columns if spec.step or spec.tokenizer}
    for batch in dataset.batches(columns, _BATCH):
        arrays = [batch.column(name) if name in read_as_text else _as_number(batch.column(name)) for name in columns]
        yield from row_hashes(pa.RecordBatch.from_arrays(arrays, names=columns))


def _as_number(column: pa.Array) -> pa.Array:
    """The numbers a column of text holds, since 7 and 7.0 are one number to a model; other columns as they are."""
    if not is_text(column):
        return column
    try:
        return column.cast(pa.float64())
    except pa.ArrowInvalid:
        return column

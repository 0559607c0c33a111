"""Recorded answers as chunks, and the figures recorded beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.arrays.outputs import RowStatus
from harness.core.files import below
from harness.core.models import ModelSpec, OutputSpec, OutputType
from harness.core.units import parse_bytes
from harness.errors import ModelError
from harness.models.answer import Answer
from harness.models.files import existing
from harness.models.interpretation import UNNAMED, Interpretation
from harness.models.parameters import OutputsParameters
from harness.models.recorded import RECORDING
from harness.models.recording import aligned, as_text
from harness.ports.data import Dataset
from harness.ports.model import Chunk

if TYPE_CHECKING:
    import polars as pl

CHUNK_ROWS = 65_536

_NO_MESSAGE: Mapping[int, str] = {}


def replay(
    model: ModelSpec,
    root: Path,
    dataset: Dataset,
    declared: OutputSpec,
    completed: OutputSpec,
    start: int,
    warn: Callable[[str], None],
) -> Iterator[Chunk]:
    """Recorded answers of `model` from row `start` on. An example without one is MISSING; ids in excess are told to `warn`."""
    parameters = model.parameters
    assert isinstance(parameters, OutputsParameters)
    where = f"model {model.name!r}: {below(root, parameters.path)}"
    try:
        answer = _read(parameters, root, dataset, declared, completed, warn)
    except ModelError as error:
        raise ModelError(f"model {model.name!r}: {error}") from error.__cause__
    if answer.values is not None and declared.type is OutputType.LABEL:
        _tell_about_labels(answer, completed, where, warn)
    for low in range(start, len(answer), CHUNK_ROWS):
        high = min(low + CHUNK_ROWS, len(answer))
        assert answer.values is not None
        messages = {row: answer.messages[row] for row in range(low, high) if row in answer.messages} if answer.messages else _NO_MESSAGE
        yield Chunk(low, answer.values[low:high], answer.status[low:high], messages=messages)


def recorded_peak_memory(parameters: OutputsParameters, root: Path, dataset: Dataset) -> int | None:
    """The largest recorded peak memory, bytes; None when there is no such column."""
    if parameters.peak_memory is None:
        return None
    column = as_text(aligned(parameters, root, dataset, (parameters.peak_memory,), lambda _: None)[parameters.peak_memory])
    texts = column.drop_nulls().unique().to_list()
    try:
        return max((parse_bytes(text if text[-1:].isalpha() else f"{text}B") for text in texts), default=None)
    except ValueError as error:
        raise ModelError(f"{below(root, parameters.path)}: column {parameters.peak_memory!r}: {error}") from error


def recorded_latency(parameters: OutputsParameters, root: Path, dataset: Dataset) -> float | None:
    """The median recorded latency, seconds; None when there is no such column or nothing in it."""
    found = recorded_latencies(parameters, root, dataset)
    return None if found is None else float(np.median(found))


def recorded_latencies(parameters: OutputsParameters, root: Path, dataset: Dataset) -> NDArray[np.float64] | None:
    """Every recorded latency, seconds; None when there is no such column or nothing in it.

    `ModelError` names the first example whose latency is not a number of milliseconds.
    """
    import polars as pl  # noqa: PLC0415  # see harness.models.recording

    if parameters.latency_ms is None:
        return None
    texts = as_text(aligned(parameters, root, dataset, (parameters.latency_ms,), lambda _: None)[parameters.latency_ms])
    present = texts.is_not_null().to_numpy()
    values = texts.str.strip_chars().cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    bad = np.flatnonzero(present & ~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        row = int(bad[0])
        raise ModelError(
            f"{below(root, parameters.path)}: column {parameters.latency_ms!r} holds {texts[row]!r} for example "
            f"{dataset.ids()[row].as_py()!r}, which is not a number of milliseconds; leave empty what was not measured"
        )
    return np.asarray(values[present] / 1000, np.float64) if present.any() else None


def _read(
    parameters: OutputsParameters, root: Path, dataset: Dataset, declared: OutputSpec, completed: OutputSpec, warn: Callable[[str], None]
) -> Answer:
    existing(parameters.path, root, RECORDING)
    names = _columns(parameters, declared)
    columns = aligned(parameters, root, dataset, names, warn)
    interpret = Interpretation(declared, completed)
    if declared.type is OutputType.LABEL:
        texts = as_text(columns[names[0]])
        present = texts.is_not_null().to_numpy()
        return _without(interpret.texts(texts.to_arrow()), present)
    numbers = [_numbers(columns[name], name, parameters, root) for name in names]
    present = np.logical_and.reduce([valid for _, valid in numbers])
    array = np.stack([values for values, _ in numbers], axis=1) if parameters.scores is not None else numbers[0][0]
    # Absent values are zeros until their rows are marked; they must not look like odd probabilities meanwhile.
    answered = interpret({UNNAMED: array[present]}, int(present.sum()))
    return _spread(answered, present)


def _columns(parameters: OutputsParameters, spec: OutputSpec) -> tuple[str, ...]:
    """The columns that hold answers, in the order of the declared labels."""
    if spec.type is OutputType.LABEL:
        if parameters.prediction is None:
            raise ModelError("the output is declared as labels, but scores are recorded; name the column of labels with prediction:")
        return (parameters.prediction,)
    if parameters.scores is not None:
        unknown = [label for label in parameters.scores if label not in spec.labels]
        absent = [label for label in spec.labels if label not in parameters.scores]
        if unknown or absent:
            raise ModelError(
                f"scores: has {'no column for' if absent else 'an unknown'} label {(absent or unknown)[0]!r}; give one column per label"
            )
        return tuple(parameters.scores[label] for label in spec.labels)
    return (str(parameters.score or parameters.prediction),)


def _numbers(column: pl.Series, name: str, parameters: OutputsParameters, root: Path) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """(n,) numbers with zeros where nothing was recorded, and where something was."""
    import polars as pl  # noqa: PLC0415  # see harness.models.recording

    valid = column.is_not_null().to_numpy()
    if column.dtype == pl.String:
        parsed = column.str.strip_chars().cast(pl.Float64, strict=False)
        bad = np.flatnonzero(valid & parsed.is_null().to_numpy())
        if len(bad):
            raise ModelError(f"{below(root, parameters.path)}: column {name!r} holds {column[int(bad[0])]!r}, which is not a number")
        column = parsed
    elif not column.dtype.is_numeric():
        raise ModelError(f"{below(root, parameters.path)}: column {name!r} holds {column.dtype}, not numbers")
    return column.fill_null(0).to_numpy(), valid


def _without(codes: NDArray[np.int32], present: NDArray[np.bool_]) -> Answer:
    return Answer(np.where(present, codes, 0).astype(np.int32), np.where(present, RowStatus.OK, RowStatus.MISSING).astype(np.uint8))


def _spread(answer: Answer, present: NDArray[np.bool_]) -> Answer:
    """Answers to the examples that were recorded, back in their places among all."""
    assert answer.values is not None
    if present.all():
        return answer
    places = np.flatnonzero(present)
    values = np.zeros((len(present), *answer.values.shape[1:]), answer.values.dtype)
    values[places] = answer.values
    status = np.full(len(present), RowStatus.MISSING, np.uint8)
    status[places] = answer.status
    return Answer(values, status, {int(places[row]): text for row, text in answer.messages.items()})


def _tell_about_labels(answer: Answer, spec: OutputSpec, where: str, warn: Callable[[str], None]) -> None:
    outside = int(((answer.values == -1) & (answer.status == RowStatus.OK)).sum())
    if outside:
        everything = " — that is all of them: do the recording and the data write labels in the same way?" if outside == len(answer) else ""
        warn(f"{where} holds {outside:,} answers that are none of the {len(spec.labels)} labels; each counts as wrong{everything}")

"""Reading recorded outputs and bringing them into the order of a data set's ids.

Polars is imported when a recording is read, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from harness.core.files import below
from harness.errors import ModelError
from harness.models.parameters import OutputsParameters
from harness.models.recording_file import read_columns
from harness.ports.data import Dataset

if TYPE_CHECKING:
    import polars as pl

_ROW = "\0row"
_NAMED = 5


def aligned(
    parameters: OutputsParameters, root: Path, dataset: Dataset, columns: Sequence[str], warn: Callable[[str], None]
) -> dict[str, pl.Series]:
    """The named columns of a recording, one row per example of `dataset` in its order, null where nothing was recorded.

    Ids are compared as text. `ModelError` when the file, its columns or its ids are wrong (duplicate ids name rows);
    `warn` is told about ids that are only in one of the two.
    """
    import polars as pl  # noqa: PLC0415

    path = below(root, parameters.path)
    key = _id_column(parameters, dataset, path)
    frame = read_columns(path, (key, *columns))
    recorded, wanted = as_text(frame[key]), as_text(pl.Series(pl.from_arrow(dataset.ids())))
    if len(recorded) == len(wanted) and recorded.equals(wanted, check_names=False, null_equal=True):
        return {name: frame[name] for name in columns}
    _refuse_bad_ids(recorded, path, key)
    values = frame.select(list(dict.fromkeys(columns))).with_columns(recorded.alias(_ROW))
    _tell_about_ids(wanted, recorded, path, warn)
    joined = wanted.alias(_ROW).to_frame().join(values, on=_ROW, how="left", maintain_order="left")
    return {name: joined[name] for name in columns}


def as_text(column: pl.Series) -> pl.Series:
    """Values as text, numbers in their shortest form, as the data room writes them."""
    import polars as pl  # noqa: PLC0415

    if column.dtype == pl.String:
        return column
    return pl.Series(column.name, pl.from_arrow(column.to_arrow().cast(pa.large_string())))


def _id_column(parameters: OutputsParameters, dataset: Dataset, path: Path) -> str:
    key = parameters.id or getattr(dataset, "id_column", None)
    if not isinstance(key, str):
        raise ModelError(f"{path}: recorded outputs are found by id; give the data set an id: column, and the recording one of that name")
    return key


def _refuse_bad_ids(recorded: pl.Series, path: Path, key: str) -> None:
    empty = np.flatnonzero(recorded.is_null().to_numpy())
    if len(empty):
        raise ModelError(f"{path}: column {key!r} has no id in {_rows(empty)}; every recorded answer needs one")
    if recorded.n_unique() == len(recorded):
        return
    twice = recorded.filter(recorded.is_duplicated())[0]
    places = np.flatnonzero((recorded == twice).to_numpy())
    count = len(recorded) - recorded.n_unique()
    raise ModelError(
        f"{path}: id {twice!r} is recorded more than once, in {_rows(places)} ({count:,} rows too many in all); keep one of each"
    )


def _tell_about_ids(wanted: pl.Series, recorded: pl.Series, path: Path, warn: Callable[[str], None]) -> None:
    found = wanted.is_in(recorded.implode())
    common, missing = int(found.sum()), wanted.filter(~found)
    if common == 0:
        raise ModelError(
            f"{path}: none of its ids is in the data set: it has {_some(recorded)}, the data has {_some(wanted)}; "
            "say which column holds the ids with id:"
        )
    if len(missing):
        warn(f"{path} has no answer for {len(missing):,} of {len(wanted):,} examples ({_some(missing)}); each counts as wrong")
    if len(recorded) > common:
        warn(f"{path} has {len(recorded) - common:,} ids that are not in the data set; they are ignored")


def _rows(places: Any) -> str:
    named = ", ".join(str(int(place) + 1) for place in places[:_NAMED])
    return f"row{'s' if len(places) > 1 else ''} {named}{', …' if len(places) > _NAMED else ''}"


def _some(ids: pl.Series) -> str:
    return ", ".join(repr(value) for value in ids[:3].to_list()) + (", …" if len(ids) > 3 else "")

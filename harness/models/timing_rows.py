"""Which rows are used for timing: real ones, several requests' worth, so that no cache makes a model look fast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from harness.core.timing import InputSize, Lengths
from harness.errors import DataError
from harness.models.columns import nearest
from harness.ports.data import Dataset

_READ = 4096
_EXAMPLES = 256
_FEWEST, _MOST = 4, 64
"""Different requests: as many as make 256 examples, within these bounds."""


def rows_for(dataset: Dataset, size: InputSize) -> NDArray[np.int64]:
    """(requests, batch) row numbers, spread over the data set, or those whose texts are about as long as asked for.

    The same rows for every model. Fewer requests, and rows more than once, where the data set is small.
    """
    wanted = min(max(_EXAMPLES // size.batch, _FEWEST), _MOST) * size.batch
    if len(dataset) == 0:
        raise DataError(f"the data {dataset.name!r} is empty; there is nothing to time a model with")
    if size.lengths is None:
        count = min(wanted, len(dataset))
        rows = np.arange(count, dtype=np.int64) * len(dataset) // count
    else:
        rows = _about_as_long(dataset, size.lengths, wanted)
    rows = np.random.default_rng(0).permutation(rows)
    requests = -(-len(rows) // size.batch)
    return np.resize(rows, (requests, size.batch))


def batches_of(dataset: Dataset, columns: Sequence[str], rows: NDArray[np.int64]) -> list[pa.RecordBatch]:
    """One batch per row of `rows`; the data set is read once, in passing."""
    chosen = np.unique(rows)
    kept, start = [], 0
    for batch in dataset.batches(columns, _READ):
        inside = chosen[(chosen >= start) & (chosen < start + batch.num_rows)] - start
        if len(inside):
            kept.append(batch.take(pa.array(inside)))
        start += batch.num_rows
    table = pa.Table.from_batches(kept).combine_chunks().to_batches()[0]
    return [table.take(pa.array(np.searchsorted(chosen, request))) for request in rows]


def _about_as_long(dataset: Dataset, lengths: Lengths, wanted: int) -> NDArray[np.int64]:
    """The rows whose length is nearest to the quantile of all lengths; texts that are missing have none."""
    measured = _lengths(dataset, lengths)
    known = np.flatnonzero(np.isfinite(measured))
    if not len(known):
        raise DataError(f"column {lengths.column!r} of the data {dataset.name!r} holds no text at all; lengths: needs one that does")
    aim = np.quantile(measured[known], lengths.quantile, method="inverted_cdf")
    order = np.argsort(np.abs(measured[known] - aim), kind="stable")
    return known[order[:wanted]].astype(np.int64)


def _lengths(dataset: Dataset, lengths: Lengths) -> NDArray[np.float64]:
    if lengths.column not in dataset.columns:
        raise DataError(f"lengths: the data {dataset.name!r} has no column {lengths.column!r}; {nearest(lengths.column, dataset.columns)}")
    texts = dataset.column(lengths.column)
    if not (pt.is_string(texts.type) or pt.is_large_string(texts.type)):
        raise DataError(f"lengths: column {lengths.column!r} holds {texts.type}; only texts have a length")
    match lengths.by:
        case "bytes":
            found = pc.binary_length(texts)
        case "characters":
            found = pc.utf8_length(texts)
        case "words":
            trimmed = pc.utf8_trim_whitespace(texts)
            split = pc.list_value_length(pc.utf8_split_whitespace(trimmed))
            found = pc.if_else(pc.equal(pc.binary_length(trimmed), 0), 0, split)
    return np.asarray(pc.fill_null(pc.cast(found, pa.float64()), np.nan).to_numpy(), np.float64)

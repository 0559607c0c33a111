"""Bins [low, high) of numbers and of the lengths of texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from harness.core.files import below
from harness.core.segment import ByBins
from harness.data.table import ParquetTable
from harness.errors import DataError, MissingDependencyError

_BATCH = 65_536

Lengths = Callable[[pa.Array], NDArray[np.float64]]
"""Lengths of texts, none of them missing."""


def quantile_edges(values: NDArray[np.float64], count: int) -> tuple[float, ...]:
    """The inner edges of `count` equally filled bins of the values that are not NaN; fewer where values are tied.

    Every edge is itself a value: edge i is the smallest value of bin i.
    """
    there = values[~np.isnan(values)]
    if not len(there):
        return ()
    shares = np.arange(1, count) / count
    return tuple(float(edge) for edge in np.unique(np.quantile(there, shares, method="higher")))


def bin_codes(values: NDArray[np.float64], edges: Sequence[float]) -> NDArray[np.int32]:
    """(n,) 0 below the first edge, i from edge i - 1 on, -1 for NaN."""
    codes = np.searchsorted(np.asarray(edges, dtype=np.float64), values, side="right").astype(np.int32)
    codes[np.isnan(values)] = -1
    return codes


def bin_names(edges: Sequence[float], *, exact: bool) -> list[str]:
    """`..0`, `0..20`, `20..`: one name more than there are edges; `exact` writes every digit of an edge."""
    written = [_exactly(edge) for edge in edges]
    if not exact:
        short = [_shortly(edge) for edge in edges]
        written = short if len(set(short)) == len(short) else written
    return [f"{low}..{high}" for low, high in zip(["", *written], [*written, ""], strict=True)]


def _exactly(edge: float) -> str:
    return str(int(edge)) if edge == int(edge) and abs(edge) < 1e16 else repr(float(edge))


def _shortly(edge: float) -> str:
    return _exactly(edge) if edge == int(edge) else f"{edge:.6g}"


def text_lengths(table: ParquetTable, rule: ByBins, root: Path) -> NDArray[np.float64]:
    """(n,) lengths of the texts of a column, NaN where it is empty; read in batches."""
    measure = _measure(rule, root)
    kind = table.schema.field(rule.column).type
    if not (pt.is_string(kind) or pt.is_large_string(kind)):
        raise DataError(f"column {rule.column!r} holds {kind}; by: {rule.by} needs texts")
    return np.concatenate(list(_lengths(table, rule.column, measure)))


def _lengths(table: ParquetTable, column: str, measure: Lengths) -> Iterator[NDArray[np.float64]]:
    for batch in table.batches([column], _BATCH):
        texts = batch.column(0)
        there = pc.fill_null(pc.greater(pc.binary_length(texts), 0), False)
        lengths = np.full(len(texts), np.nan)
        lengths[there.to_numpy(zero_copy_only=False)] = measure(texts.filter(there))
        yield lengths


def _measure(rule: ByBins, root: Path) -> Lengths:
    match rule.by:
        case "bytes":
            return lambda texts: _floats(pc.binary_length(texts))
        case "characters":
            return lambda texts: _floats(pc.utf8_length(texts))
        case "words":
            return _words
        case _:
            return _tokens(rule, root)


def _words(texts: pa.Array) -> NDArray[np.float64]:
    trimmed = pc.utf8_trim_whitespace(texts)
    counts = _floats(pc.list_value_length(pc.utf8_split_whitespace(trimmed)))
    return np.where(_floats(pc.binary_length(trimmed)) == 0, 0.0, counts)


def _tokens(rule: ByBins, root: Path) -> Lengths:
    if rule.tokenizer is None:
        raise DataError(f"column {rule.column!r}: by: tokens needs tokenizer:, a tokenizer.json")
    try:
        # Late: slow to import, and only lengths in tokens need it.
        from tokenizers import Tokenizer  # noqa: PLC0415
    except ImportError:
        raise MissingDependencyError("tokenizers", "all", "by: tokens") from None
    path = below(root, rule.tokenizer)
    if not path.is_file():
        raise DataError(f"there is no file {path}; tokenizer: is a tokenizer.json, relative to the suite file")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception
        raise DataError(f"{path} is not a tokenizer.json: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda texts: np.array(
        [len(found.ids) for found in tokenizer.encode_batch_fast(texts.to_pylist(), add_special_tokens=False)], dtype=np.float64
    )


def _floats(array: pa.Array) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = array.to_numpy(zero_copy_only=False).astype(np.float64)
    return numbers

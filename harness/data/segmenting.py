"""From declared segmentations to codes per row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.arrays.segmentation import Segmentation
from harness.core import predicate as predicates
from harness.core.segment import MISSING, OTHER, ByBins, ByColumn, ByPredicate, ByProduct, Segment, SegmentationSpec
from harness.data.bins import bin_codes, bin_names, quantile_edges, text_lengths
from harness.data.coding import Coded, encode, text_order
from harness.data.naming import name_rows
from harness.data.table import ParquetTable
from harness.data.where import holds
from harness.errors import DataError

_DENSE = 2**22
"""Possible combinations up to which those that occur are found by counting instead of sorting."""


def segment_columns(specs: Sequence[SegmentationSpec]) -> tuple[str, ...]:
    """The columns that the segmentations read, each once; `DataError` for a predicate that is none."""
    found: dict[str, None] = {}
    for spec in specs:
        match spec.rule:
            case ByColumn(column) | ByBins(column):
                found[column] = None
            case ByPredicate(where):
                found.update(dict.fromkeys(predicates.columns(_parse(spec.name, where))))
            case ByProduct():
                pass
    return tuple(found)


class Segmenter:
    """Segments the rows of one table, reading each column once. `edges` are frozen edges of quantiles, by segmentation."""

    def __init__(self, table: ParquetTable, specs: Sequence[SegmentationSpec], root: Path, edges: Mapping[str, tuple[float, ...]]) -> None:
        self._table = table
        self._specs = {spec.name: spec for spec in specs}
        self._root = root
        self._edges = edges
        self._columns: dict[str, Coded] = {}
        self._done: dict[str, Segmentation] = {}

    def all(self) -> tuple[Segmentation, ...]:
        """Every segmentation, in the order of the suite."""
        found = tuple(self._get(name, ()) for name in self._specs)
        self._columns.clear()
        return found

    def _get(self, name: str, above: tuple[str, ...]) -> Segmentation:
        if name not in self._done:
            self._done[name] = self._make(self._specs[name], above)
        return self._done[name]

    def _make(self, spec: SegmentationSpec, above: tuple[str, ...]) -> Segmentation:
        try:
            match spec.rule:
                case ByColumn(column):
                    return _merge_small(self._by_column(spec.name, column), spec)
                case ByBins():
                    return _merge_small(self._by_bins(spec.name, spec.rule), spec)
                case ByPredicate(where):
                    return self._by_predicate(spec.name, where)
                case ByProduct(of):
                    return _merge_small(self._by_product(spec.name, of, above), spec)
        except DataError as error:
            if str(error).startswith("segments "):  # of a part of this product
                raise
            raise DataError(f"segments {spec.name!r}: {error}") from error

    def _column(self, name: str) -> Coded:
        if name not in self._columns:
            self._columns[name] = encode(name, self._table.column(name))
        return self._columns[name]

    def _by_column(self, name: str, column: str) -> Segmentation:
        coded = self._column(column)
        if MISSING in coded.texts and coded.missing.any():
            text, empty = coded.rows_of(np.array([coded.texts.index(MISSING)])), np.flatnonzero(coded.missing)
            raise DataError(
                f"column {column!r} holds the text {MISSING!r} in {name_rows(text)} and nothing in {name_rows(empty)}, "
                "and both would be called the same; write the text differently, or leave it out"
            )
        order = text_order(coded.texts)
        rank = np.empty(len(order), dtype=np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        codes = coded.spread(rank, len(order)).astype(np.int32)
        return _segmentation(name, [*(coded.texts[position] for position in order), MISSING], codes)

    def _by_bins(self, name: str, rule: ByBins) -> Segmentation:
        if rule.by is not None:
            values = text_lengths(self._table, rule, self._root)
        else:
            coded = self._column(rule.column)
            values = coded.spread(coded.numbers, np.nan).astype(np.float64)
        edges = rule.edges or self._edges.get(name) or quantile_edges(values, rule.quantiles or 1)
        names = [*bin_names(edges, exact=rule.edges is not None), MISSING]
        codes = bin_codes(values, edges)
        codes[codes < 0] = len(names) - 1
        return _segmentation(name, names, codes, edges)

    def _by_predicate(self, name: str, where: str) -> Segmentation:
        true = holds(_parse(name, where), self._column)
        return Segmentation(name, (Segment(name, ((name, "yes"),)),), np.where(true, 0, -1).astype(np.int32))

    def _by_product(self, name: str, of: Sequence[str], above: tuple[str, ...]) -> Segmentation:
        for part in of:
            if part not in self._specs:
                raise DataError(f"there is no segmentation {part!r} to combine; declared: {', '.join(self._specs)}")
            if part == name or part in above:
                raise DataError(f"{' → '.join((*above, name, part))} goes round in a circle")
        return _product(name, [self._get(part, (*above, name)) for part in of])


def _parse(name: str, where: str) -> predicates.Predicate:
    try:
        return predicates.parse(where)
    except predicates.PredicateError as error:
        raise DataError(f"segments {name!r}: {where!r}: {error}") from error


def _segmentation(name: str, values: list[str], codes: NDArray[np.int32], edges: tuple[float, ...] | None = None) -> Segmentation:
    """Of `values` only those that occur."""
    segments = [Segment(name, ((name, value),)) for value in values]
    occurs = np.bincount(codes, minlength=len(values)) > 0
    return _keep(Segmentation(name, tuple(segments), codes, edges), occurs)


def _keep(found: Segmentation, kept: NDArray[np.bool_]) -> Segmentation:
    if kept.all():
        return found
    renumbered = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1).astype(np.int32)
    segments = tuple(segment for segment, keep in zip(found.segments, kept, strict=True) if keep)
    return Segmentation(found.name, segments, renumbered[found.codes], found.edges)


def _merge_small(found: Segmentation, spec: SegmentationSpec) -> Segmentation:
    """Put the segments of fewer than `min_examples` examples together, when the suite says so."""
    small = found.sizes() < spec.min_examples
    if spec.otherwise == "keep" or not small.any():
        return found
    kept = _keep(found, ~small)
    if any(segment.value == OTHER for segment in kept.segments):
        raise DataError(f"a value is called {OTHER!r}, and so the segment of merged small segments is called; give the value another name")
    merged = np.append(small, False)[found.codes]
    codes = np.where(merged, len(kept.segments), kept.codes).astype(np.int32)
    return Segmentation(found.name, (*kept.segments, Segment(found.name, ((found.name, OTHER),))), codes, found.edges)


def _product(name: str, parts: Sequence[Segmentation]) -> Segmentation:
    """The combinations that occur; a row that is in no segment of one part is in none of the product."""
    possible = math.prod(len(part.segments) for part in parts)
    if possible >= 2**62:
        raise DataError(f"{possible:,} possible combinations are too many")
    combined = np.zeros(len(parts[0].codes), dtype=np.int64)
    outside = np.zeros(len(combined), dtype=bool)
    for part in parts:
        combined = combined * len(part.segments) + part.codes
        outside |= part.codes < 0
    combined[outside] = -1
    occurring, codes = _compress(combined, possible)
    segments = tuple(Segment(name, _pairs(int(which), parts)) for which in occurring)
    return Segmentation(name, segments, codes)


def _compress(combined: NDArray[np.int64], possible: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The values of `combined` that occur, ascending, and (n,) the index of each row's among them (-1 stays -1)."""
    if possible <= _DENSE:
        occurs = np.bincount(combined + 1, minlength=possible + 1)[1:] > 0
        renumbered = np.append(np.cumsum(occurs) - 1, -1).astype(np.int32)
        return np.flatnonzero(occurs), renumbered[combined]
    values, inverse = np.unique(combined, return_inverse=True)
    shift = 1 if len(values) and values[0] == -1 else 0
    return values[shift:], (inverse - shift).astype(np.int32)


def _pairs(which: int, parts: Sequence[Segmentation]) -> tuple[tuple[str, str], ...]:
    pairs: dict[tuple[str, str], None] = {}
    chosen: list[Segment] = []
    for part in reversed(parts):
        which, position = divmod(which, len(part.segments))
        chosen.append(part.segments[position])
    for segment in reversed(chosen):
        pairs.update(dict.fromkeys(segment.values))
    return tuple(pairs)

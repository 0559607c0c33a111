"""What a whole-set statistic would be if the candidate had failed on a few more examples, chosen where that hurts most."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.arrays.outputs import Outputs, RowStatus
from harness.arrays.targets import Targets
from harness.checks.table import Floats
from harness.metrics.metric import Statistic

PLANTED = 3
"""Examples (or clusters) turned into failures of the candidate before a PASS is believed: what has not happened in n of them
may still happen in 3 of n (the rule of three, one-sided 5 %), and a bootstrap of unchanged examples does not know that."""

TRIED = 300
"""Examples (or clusters) of a group among which the most harmful are looked for, spread over the classes."""

MOVES = 1e-12
"""A change of the statistic below this is none."""

_CHUNK = 2_000_000

Ints = NDArray[np.int64]
Plant = Callable[[Ints], Statistic]
"""rows → the candidate's statistic on all n examples, followed by a failed twin of each of these rows: examples n, n + 1, …
`MeasurementError` when the metric has no worst answer."""


@dataclass(frozen=True)
class Units:
    """What may fail in a group. Its k columns are `rows` (k,), each standing for `counts` (k,) examples.

    `members` (t,) are the columns that have a failed twin, and `of` (t,) the unit each belongs to, below u; a unit fails as
    a whole, one example of each of its columns. `available` (u,) is how often it can, `classes` (u,) its true class.
    """

    rows: Ints
    counts: Floats
    members: Ints
    of: Ints
    available: Ints
    classes: Ints

    @classmethod
    def examples(cls, rows: Ints, counts: Floats, classes: Ints) -> Units:
        """Single examples; `classes` (k,)."""
        tried = _spread(counts, classes)
        return cls(rows, counts, tried, np.arange(len(tried)), np.minimum(counts[tried], PLANTED).astype(np.int64), classes[tried])

    @classmethod
    def clusters(cls, rows: Ints, clusters: Ints) -> Units:
        """Whole clusters; `clusters` (k,) is that of each row."""
        _, code, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
        tried = _spread(sizes.astype(np.float64), np.zeros(len(sizes), dtype=np.int64))
        number = np.full(len(sizes), -1, dtype=np.int64)
        number[tried] = np.arange(len(tried))
        members = np.flatnonzero(number[code] >= 0)
        ones, zeros = np.ones(len(tried), dtype=np.int64), np.zeros(len(tried), dtype=np.int64)
        return cls(rows, np.ones(len(rows)), members, number[code[members]], ones, zeros)

    @property
    def twins(self) -> Ints:
        """(t,) the rows that need a failed twin."""
        return self.rows[self.members]

    def worst(self, statistic: Statistic, first_twin: int, sign: float) -> Floats:
        """(v,) the statistic after `PLANTED` failures where each hurts most, for every class in which one hurts at all.

        `statistic` has the twins of this group from example `first_twin` on; `sign` is -1 when lower is better.
        """
        none = np.zeros((1, len(self.available)))
        before = sign * self._values(statistic, first_twin, none)[0]
        harm = before - sign * self._values(statistic, first_twin, np.eye(len(self.available)))
        harm = np.where(np.isnan(harm), np.inf, harm)
        variants = [self._most_harmful(harm, one) for one in np.unique(self.classes[harm > MOVES])]
        return self._values(statistic, first_twin, np.stack(variants)) if variants else np.zeros(0)

    def _most_harmful(self, harm: Floats, one: int) -> Floats:
        """(u,) how often each unit of class `one` fails."""
        units = np.flatnonzero((self.classes == one) & (harm > MOVES))
        units = np.repeat(units, self.available[units])
        chosen = units[np.argsort(-harm[units], kind="stable")[:PLANTED]]
        return np.bincount(chosen, minlength=len(self.available)).astype(np.float64)

    def _values(self, statistic: Statistic, first_twin: int, failures: Floats) -> Floats:
        """(B,) the statistic when unit u fails `failures[b, u]` times."""
        rows = np.concatenate([self.rows, first_twin + np.arange(len(self.members))])
        return np.concatenate([statistic.values(rows, self._weights(part)) for part in _chunks(failures, len(rows))])

    def _weights(self, failures: Floats) -> Floats:
        kept, failed = np.repeat(self.counts[np.newaxis], len(failures), axis=0), failures[:, self.of]
        kept[:, self.members] -= failed
        return np.concatenate([kept, failed], axis=1)


def with_failed_twins(outputs: Outputs, rows: Ints) -> Outputs:
    """The outputs, followed by those of a model that failed on `rows`."""
    status = np.concatenate([outputs.status, np.full(len(rows), RowStatus.RAISED, dtype=np.uint8)])
    if outputs.offsets is not None:
        nothing = np.full(len(rows), outputs.offsets[-1], dtype=outputs.offsets.dtype)
        return replace(outputs, status=status, offsets=np.concatenate([outputs.offsets, nothing]))
    values = outputs.values
    return replace(outputs, status=status, values=np.concatenate([values, np.zeros((len(rows), *values.shape[1:]), dtype=values.dtype)]))


def with_twins(targets: Targets, rows: Ints) -> Targets:
    """The targets, followed by those of `rows` again."""
    groups = None if targets.groups is None else np.concatenate([targets.groups, targets.groups[rows]])
    if targets.offsets is None:
        return replace(targets, values=np.concatenate([targets.values, targets.values[rows]]), groups=groups)
    starts, lengths = targets.offsets[rows], np.diff(targets.offsets)[rows]
    ends = np.cumsum(lengths)
    places = np.repeat(starts - (ends - lengths), lengths) + np.arange(lengths.sum())
    offsets = np.concatenate([targets.offsets, targets.offsets[-1] + ends])
    return replace(targets, values=np.concatenate([targets.values, targets.values[places]]), groups=groups, offsets=offsets)


def _spread(sizes: Floats, classes: Ints) -> Ints:
    """Ascending indices of at most `TRIED` of them, equally many of each class: the largest, and by lot among equal ones."""
    if len(sizes) <= TRIED:
        return np.arange(len(sizes))
    _, codes = np.unique(classes, return_inverse=True)
    order = np.lexsort((np.random.default_rng(0).permutation(len(sizes)), -sizes, codes))
    ordered = codes[order]
    place = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return np.sort(order[place < max(PLANTED, TRIED // (int(codes.max()) + 1))])


def _chunks(failures: Floats, columns: int) -> Iterator[Floats]:
    step = max(1, _CHUNK // max(1, columns))
    for start in range(0, len(failures), step):
        yield failures[start : start + step]

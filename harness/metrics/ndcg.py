"""Normalised discounted cumulative gain of ranked queries."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.catalogue import Parameters
from harness.core.models import OutputType, Task
from harness.errors import MeasurementError
from harness.metrics.fit import Fits, numbers, require
from harness.metrics.metric import MetricInfo
from harness.metrics.weightings import quotient

Floats = NDArray[np.float64]

_FITS: Fits = {Task.RANKING: (OutputType.SCORE, OutputType.VALUES, OutputType.LOGITS, OutputType.PROBABILITIES)}


class NdcgParameters(Parameters):
    """What of a ranking counts, and how much."""

    k: int | None = Field(default=None, ge=1, description="only the first k places count; default: all")
    gain: Literal["linear", "exponential"] = Field(default="linear", description="relevance itself, or 2^relevance − 1")


class Ndcg:
    """DCG / best possible DCG of each query (Järvelin & Kekäläinen 2002), discount 1 / log2(place + 1). Higher is better.

    The unit is the query: every row of a query carries the query's value, and `units` marks one row of each. Rows of equal
    score share their gains equally. A query with a failed row has no ranking and scores 0; one in which nothing is
    relevant has no best ranking, scores 0, and is no unit.
    """

    info = MetricInfo("ndcg", "higher", bounds=(0.0, 1.0), share=True)

    def __init__(self, k: int | None = None, gain: Literal["linear", "exponential"] = "linear") -> None:
        self.k = k
        self.gain = gain

    def scores(self, outputs: Outputs, targets: Targets) -> Floats:
        """See `MeanMetric.scores`."""
        require(self.info.name, _FITS, outputs, targets)
        queries, gains = _queries(targets), self._gains(targets)
        predicted = numbers(self.info.name, outputs)
        best = self._discounted(gains, gains, queries)
        found = quotient(self._discounted(predicted, gains, queries), best, otherwise=0.0)
        found[queries[~outputs.ok]] = 0.0
        return np.clip(found, 0.0, 1.0)[queries]

    def units(self, targets: Targets) -> NDArray[np.bool_]:
        """See `UnitMetric.units`: the first row of every query with something relevant in it."""
        queries = _queries(targets)
        relevant = np.bincount(queries, weights=self._gains(targets)) > 0
        first = np.zeros(len(queries), dtype=np.bool_)
        first[np.unique(queries, return_index=True)[1]] = True
        return np.asarray(first & relevant[queries])

    def _gains(self, targets: Targets) -> Floats:
        relevance = np.asarray(targets.values, dtype=np.float64)
        if relevance.size and relevance.min() < 0:
            raise MeasurementError(
                f"ndcg needs relevances of zero or more, but the smallest is {relevance.min():g}; correct the target column"
            )
        return relevance if self.gain == "linear" else np.exp2(relevance) - 1

    def _discounted(self, scores: Floats, gains: Floats, queries: NDArray[np.int64]) -> Floats:
        """(queries,) sum of gain × discount in descending order of `scores`, averaged over the orders of tied rows."""
        if len(scores) == 0:
            return np.zeros(0)
        order = np.lexsort((-scores, queries))
        query, score = queries[order], scores[order]
        new_query = np.append(True, query[1:] != query[:-1])
        place = np.arange(len(order)) - np.flatnonzero(new_query)[np.cumsum(new_query) - 1]
        discount = 1 / np.log2(place + 2)
        if self.k is not None:
            discount[place >= self.k] = 0.0
        starts = np.flatnonzero(new_query | np.append(True, score[1:] != score[:-1]))
        sizes = np.diff(np.append(starts, len(order)))
        shared = np.add.reduceat(discount, starts) / sizes * np.add.reduceat(gains[order], starts)
        return np.bincount(query[starts], weights=shared, minlength=int(queries.max()) + 1).astype(np.float64)


def _queries(targets: Targets) -> NDArray[np.int64]:
    if targets.groups is None:
        raise MeasurementError("ndcg needs to know which rows belong to one query; declare `group:` of the output, the column of the query")
    return np.asarray(targets.groups, dtype=np.int64)

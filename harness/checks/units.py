"""Metrics whose unit is not the row: each query, or each example with a token that counts, is judged once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.checks.table import Evaluator, Floats, Groups, Table


class UnitEvaluator:
    """An evaluator that sees only the rows that stand for a unit; a unit belongs to the segment of that row."""

    def __init__(self, evaluator: Evaluator, units: NDArray[np.bool_]) -> None:
        """`units` (n,) is True on one row per unit."""
        self.evaluator = evaluator
        self.units = units
        self._masked: dict[int, tuple[Groups, Groups]] = {}

    def table(self, groups: Groups, margins: Floats) -> Table:
        """See `Evaluator.table`."""
        return self.evaluator.table(self._only_units(groups), margins)

    def p_worse(self, groups: Groups, group: int, tolerated: float, families: int) -> float:
        """See `Evaluator.p_worse`."""
        return self.evaluator.p_worse(self._only_units(groups), group, tolerated, families)

    def losses(self) -> Floats | None:
        """See `Evaluator.losses`; rows that stand for no unit have lost nothing."""
        losses = self.evaluator.losses()
        return None if losses is None else np.where(self.units, losses, 0.0)

    def _only_units(self, groups: Groups) -> Groups:
        if id(groups) not in self._masked:
            self._masked[id(groups)] = (groups, Groups(np.where(self.units, groups.codes, -1).astype(np.int32), groups.count))
        return self._masked[id(groups)][1]

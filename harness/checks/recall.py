"""The original's stored outcomes, in place of the original itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.arrays.baseline import Outcomes, Side
from harness.arrays.outputs import Outputs, RowStatus
from harness.arrays.targets import Targets
from harness.checks.material import Material
from harness.core.models import OutputSpec, OutputType
from harness.errors import MeasurementError
from harness.metrics.metric import MeanMetric, Statistic, WholeMetric


@dataclass(frozen=True)
class Recalled:
    """Stored per-example outcomes of one model for one check, in the row order of today's data."""

    outcomes: Outcomes
    spec: OutputSpec

    def scores(self, metric: MeanMetric, targets: Targets) -> NDArray[np.float64]:
        """(n,) the stored scores; `MeasurementError` when something else was stored."""
        if self.outcomes.form != "scores":
            return metric.scores(self._outputs(), targets)
        return self.outcomes.values.astype(np.float64)

    def statistic(self, metric: WholeMetric, targets: Targets) -> Statistic:
        """The metric prepared on the stored outputs."""
        if self.outcomes.form == "scores":
            raise MeasurementError(f"the baseline holds scores, from which {metric.info.name} cannot be computed; accept a new baseline")
        return metric.prepare(self._outputs(), targets)

    def _outputs(self) -> Outputs:
        spec = self.spec
        if self.outcomes.form == "label":
            spec = replace(spec, type=OutputType.LABEL)
        elif self.outcomes.form == "score":
            spec = replace(spec, type=OutputType.SCORE)
        values = self.outcomes.values
        failed: NDArray[np.bool_] = np.zeros(len(values), dtype=np.bool_)
        if values.dtype.kind == "f":
            failed = np.asarray(np.isnan(values.reshape(len(values), -1).astype(np.float64)).any(axis=1))
            values = np.nan_to_num(values.astype(np.float64))
        status = np.where(failed, np.uint8(RowStatus.NOT_FINITE), np.uint8(RowStatus.OK)).astype(np.uint8)
        return Outputs(replace(spec, labels=self.outcomes.labels), values, status, self.outcomes.labels)


def recall(material: Material, check: str, side: Side, measure: str) -> Recalled | None:
    """What the baseline keeps of `side` for `check`; None when it keeps nothing of it.

    Rows are matched by id; `MeasurementError` when the data is not the data that was accepted, or when the check
    measured by something else than `measure` then.
    """
    baseline = material.originals if side == "original" else material.baseline
    if baseline is None or baseline.outcomes is None or material.outputs is None:
        return None
    outcomes = baseline.outcomes.get((side, check))
    if outcomes is None:
        return None
    if baseline.data.get(check) != material.examples.fingerprint:
        raise MeasurementError(
            f"the baseline of {material.candidate} was accepted on other data (its hash differs); "
            "compare on the accepted data, or run with the original and accept a new baseline with --golden"
        )
    if baseline.measures.get(check) != measure:
        raise MeasurementError(
            f"the baseline of {material.candidate} holds outcomes of {check} by another measure ({baseline.measures.get(check)}, "
            f"today {measure}); measure as then, or run with the original and accept a new baseline with --golden"
        )
    return Recalled(outcomes, material.outputs.spec)

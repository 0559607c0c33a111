"""Precision, recall, F1 and balanced accuracy of a whole set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from pydantic import Field

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.catalogue import Parameters
from harness.core.models import Task
from harness.errors import MeasurementError
from harness.metrics import counts
from harness.metrics.counts import ClassStatistic, Formula, SetStatistic
from harness.metrics.fit import CLASS_FITS, Fits, require
from harness.metrics.labels import WRONG, class_count, predicted_codes, predicted_sets
from harness.metrics.metric import MetricInfo

Average = Literal["binary", "micro", "macro", "weighted"]

_AVERAGES: dict[str, Callable[[Formula], Formula]] = {
    "binary": counts.positive,
    "micro": counts.micro,
    "macro": counts.macro,
    "weighted": counts.weighted,
}


class AverageParameters(Parameters):
    """How the classes are averaged."""

    average: Average | None = Field(
        default=None,
        description="binary (the positive class alone), micro, macro or weighted; default: binary for binary tasks, else macro",
    )


class ClassMetric:
    """Precision, recall or F1 (Van Rijsbergen 1979), by class and averaged. Higher is better."""

    def __init__(self, name: str, score: Formula, average: Average | None, fits: Fits = CLASS_FITS) -> None:
        self.info = MetricInfo(name, "higher", bounds=(0.0, 1.0), share=True)
        self.score = score
        self.average = average
        self.fits = fits

    def prepare(self, outputs: Outputs, targets: Targets) -> ClassStatistic | SetStatistic:
        """See `WholeMetric.prepare`."""
        require(self.info.name, self.fits, outputs, targets)
        average = self.average or ("binary" if targets.task is Task.BINARY else "macro")
        if average == "binary" and targets.task is not Task.BINARY:
            raise MeasurementError(
                f"{self.info.name} with average: binary needs a binary task, but the suite declares the task {targets.task}; "
                "choose micro, macro or weighted"
            )
        formula = _AVERAGES[average](self.score)
        if targets.task is Task.MULTILABEL:
            return SetStatistic(*predicted_sets(outputs, targets), formula, by_class=average != "micro")
        truth, predicted = np.asarray(targets.values, dtype=np.int64), predicted_codes(outputs, targets)
        classes = max(2, class_count(targets))
        predicted = np.where(predicted < classes, predicted, WRONG)
        return ClassStatistic(truth, predicted, classes, formula, by_class=average != "micro")


def balanced_accuracy() -> ClassMetric:
    """The mean recall over the classes that occur, of a binary or multiclass task."""
    fits: Fits = {task: types for task, types in CLASS_FITS.items() if task is not Task.MULTILABEL}
    return ClassMetric("balanced_accuracy", counts.recall, "macro", fits)

"""The original on a few examples, through what a run uses, in a folder of its own: were inputs and labels understood?"""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness import wiring
from harness.checks.quality import QualityCheck
from harness.cli.console import say, tell
from harness.core.models import Task
from harness.core.suite import Suite
from harness.engine.session import Session
from harness.engine.tools import Options
from harness.errors import HarnessError
from harness.metrics.metric import MeanMetric
from harness.ports.data import Dataset

ROWS = 200
_DATA = "test"


@dataclass(frozen=True)
class Trial:
    """The mean score of the original on `rows` examples; `balanced` is the mean over the classes, None of numbers."""

    rows: int
    value: float
    balanced: float | None = None
    classes: int = 0

    @property
    def suspicious(self) -> bool:
        """Whether guessing would be better: a sign of labels in another order."""
        return self.balanced is not None and self.balanced < 1 / self.classes


def try_original(path: Path) -> None:
    """Say how often the original is right; whatever goes wrong is said too, and nothing more: the suite stands."""
    try:
        found = _try(path)
    except (HarnessError, OSError, ValueError, TypeError, RuntimeError) as error:
        tell(f"note: the original could not be tried on a few examples: {error}")
        return
    if found.balanced is None:
        say(f"\nthe original's mean absolute error is {found.value:.3g} on {found.rows:,} rows")
        return
    say(f"\nthe original is right on {found.value * 100:.1f} % of {found.rows:,} rows")
    if found.suspicious:
        tell(
            f"WARNING: guessing would do better (balanced accuracy {found.balanced * 100:.1f} %, guessing {100 / found.classes:.1f} %): "
            "are the labels in the order of the model's output, and the inputs as the model was trained?"
        )


def _try(path: Path) -> Trial:
    suite = wiring.load(path)
    home = wiring.find_project(path, Path.cwd())
    with tempfile.TemporaryDirectory(prefix="harness-", ignore_cleanup_errors=True) as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scratch = Path(name)
        whole = wiring.session(suite, home, Options(gather=False)).dataset(_DATA)
        few = _with_data(suite, _sample(whole, scratch / "few.parquet"))
        return _measure(wiring.session(few, wiring.Project(scratch), Options(run_id="trial")))


def _sample(dataset: Dataset, path: Path) -> Path:
    """Rows evenly spaced over the data set, with all columns: files are often sorted by class."""
    rows = np.unique(np.linspace(0, len(dataset) - 1, min(ROWS, len(dataset))).astype(np.int64))
    table = pa.table({name: dataset.column(name).take(pa.array(rows)) for name in dataset.columns})
    pq.write_table(table, path)
    return path


def _with_data(suite: Suite, path: Path) -> Suite:
    parameters = wiring.registers().sources.get("file").parameters.model_validate({"path": str(path)})
    return replace(suite, data={**suite.data, _DATA: replace(suite.data[_DATA], kind="file", parameters=parameters, segments=())})


def _measure(session: Session) -> Trial:
    check = next(check for check in session.checks.values() if isinstance(check, QualityCheck))
    outputs = session.outputs(session.suite.original, _DATA)
    targets = session.dataset(_DATA).targets(outputs.spec)
    if not isinstance(check.metric, MeanMetric):
        raise TypeError(f"{check.name} is no mean over examples")
    scores = check.metric.scores(outputs, targets)
    if outputs.spec.task == Task.REGRESSION:
        return Trial(len(scores), float(scores.mean()))
    classes = np.unique(targets.values)
    balanced = float(np.mean([scores[targets.values == each].mean() for each in classes]))
    return Trial(len(scores), float(scores.mean()), balanced, max(len(outputs.labels) or len(classes), 2))

"""From a run's record and its sessions to reports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.core.models import ModelSpec, Task
from harness.core.run import RunRecord
from harness.engine.session import Session
from harness.errors import HarnessError
from harness.metrics.labels import predicted_codes
from harness.report import Confusion, FlipTable, ReportExtras, write_reports

TOP_CONFUSIONS = 10


def report(run: RunRecord, folder: Path, sessions: Mapping[str, Session]) -> list[Path]:
    """Writes the reports of a run under `folder`; `StoreError` when they cannot be written."""
    extras = {name: extras_of(session) for name, session in sessions.items()}
    return write_reports(run, folder, extras)


def extras_of(session: Session) -> ReportExtras:
    """Flips and footprints of what this session, or another process of the same run, has gathered."""
    flips: list[FlipTable] = []
    checks = [spec for spec in session.suite.checks if session.checks[spec.name].needs().targets]
    for model in session.suite.candidates:
        if checks:
            table = _flips(session, model, checks[0].data)
            flips.extend([table] if table is not None else [])
    return ReportExtras(flips=tuple(flips), footprints=session.footprints)


def _flips(session: Session, model: ModelSpec, data: str) -> FlipTable | None:
    """The flips of one candidate, None where there is nothing stored to count them on."""
    try:
        before, after = session.stored(session.suite.original, data), session.stored(model, data)
        if before is None or after is None or after.spec.task not in (Task.BINARY, Task.MULTICLASS):
            return None
        return flip_table(model.name, data, before, after, session.dataset(data).targets(after.spec))
    except HarnessError:
        return None


def flip_table(candidate: str, data: str, original: Outputs, outputs: Outputs, targets: Targets) -> FlipTable:
    """Right and wrong of both models, and the most frequent changes of answer."""
    one, other = predicted_codes(original, targets), predicted_codes(outputs, targets)
    right, kept = one == targets.values, other == targets.values
    changed = np.flatnonzero(one != other)
    triples, counts = np.unique(np.stack([targets.values[changed], one[changed], other[changed]], axis=1), axis=0, return_counts=True)
    top = np.argsort(-counts, kind="stable")[:TOP_CONFUSIONS]

    def word(code: int) -> str:
        return targets.labels[code] if 0 <= code < len(targets.labels) else "(none of the labels)"

    return FlipTable(
        candidate=candidate,
        both_right=int((right & kept).sum()),
        gained=int((~right & kept).sum()),
        lost=int((right & ~kept).sum()),
        both_wrong=int((~right & ~kept).sum()),
        confusions=tuple(Confusion(word(int(t)), word(int(o)), word(int(c)), int(counts[i])) for i in top for t, o, c in [triples[i]]),
        data=data,
    )

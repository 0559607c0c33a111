"""From a run's record and its sessions to reports."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.checks.quality import QualityParameters
from harness.core.models import ModelSpec, Task
from harness.core.outcome import Outcome
from harness.core.run import RunRecord, SuiteRecord
from harness.core.segment import Segment
from harness.engine.session import Session
from harness.errors import HarnessError
from harness.metrics.labels import predicted_codes
from harness.report import Confusion, FlipTable, ReportExtras, write_reports
from harness.report.each_step import StepTable, step_table
from harness.report.made import made_of
from harness.wiring.judged import keep_verdicts

TOP_CONFUSIONS = 10


def report(run: RunRecord, folder: Path, sessions: Mapping[str, Session]) -> list[Path]:
    """Writes the reports of a run under `folder`; `StoreError` when they cannot be written."""
    judged = replace(run, suites=tuple(record for record in run.suites if record.verdicts))
    extras = {record.suite: extras_of(sessions[record.suite], record) for record in judged.suites if record.suite in sessions}
    written = write_reports(judged, folder, extras)
    for record in judged.suites:
        if record.suite in sessions:
            keep_verdicts(judged, record, sessions[record.suite])
    return written


def extras_of(session: Session, record: SuiteRecord) -> ReportExtras:
    """Flips, footprints, making and steps of the candidates in `record`, as far as they are stored. Runs nothing and makes nothing."""
    names = {verdict.candidate for verdict in record.verdicts}
    candidates = [model for model in session.suite.candidates if model.name in names]
    suite, needs = session.suite, [(spec, session.checks[spec.name].needs()) for spec in session.suite.checks]
    judged = next((spec.data for spec, need in needs if need.targets), None)
    weighed = next((spec.data for spec, need in needs if need.footprint), None)
    flips, footprints, made = [], {}, []
    for model in candidates:
        with suppress(HarnessError):  # A candidate without evidence has no flips; its verdicts say why.
            if judged is not None and (table := _flips(session, model, judged)) is not None:
                flips.append(table)
        artefact = session.made(model)
        if artefact is not None:
            with suppress(ValueError, TypeError, KeyError, AttributeError):  # a record of another version tells nothing
                made.append(made_of(model.name, artefact.record))
    for model in (suite.original, *candidates):
        with suppress(HarnessError):
            if weighed is not None:
                footprints[model.name] = session.stored_footprint(model, weighed)
    return ReportExtras(
        flips=tuple(flips),
        footprints=footprints,
        original=suite.original.name,
        made=tuple(made),
        quality=_quality(session) or "",
        each_step=_each_step(session, record),
    )


def _each_step(session: Session, record: SuiteRecord) -> tuple[StepTable, ...]:
    """A table per check in `record` that looked at the models between the steps of a candidate."""
    judged: dict[tuple[str, str], set[Segment | None]] = {}
    for verdict in record.verdicts:
        if verdict.outcome is not Outcome.SKIPPED:
            judged.setdefault((verdict.candidate, verdict.check), set()).add(verdict.segment)
    tables = ((key, session.steps(*key)) for key in judged)
    return tuple(step_table(*key, steps, judged[key]) for key, steps in tables if steps)


def _quality(session: Session) -> str | None:
    """The first check with a metric of its own: by it a drop is measured while candidates are made, too."""
    return next((spec.name for spec in session.suite.checks if isinstance(spec.parameters, QualityParameters)), None)


def _flips(session: Session, model: ModelSpec, data: str) -> FlipTable | None:
    """The flips of one candidate; None for tasks in which an answer is not one class."""
    before, after = session.stored(session.suite.original, data), session.stored(model, data)
    if after.spec.task not in (Task.BINARY, Task.MULTICLASS):
        return None
    return flip_table(model.name, data, before, after, session.dataset(data).targets(after.spec))


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

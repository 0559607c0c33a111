"""From a session to its record: every check of every chosen candidate, judged once."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

from harness.core.outcome import Outcome
from harness.core.run import SuiteRecord
from harness.core.suite import Suite
from harness.core.verdict import Verdict
from harness.engine.session import Session


def judge_session(session: Session, candidates: Sequence[str] = ()) -> SuiteRecord:
    """The record of all checks of all candidates, or of the named ones; gathers what is missing unless told not to.

    Raises `UsageError` for a candidate that the suite does not have. What goes wrong while judging is in the verdicts.
    """
    models = session.candidates(tuple(candidates))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for model in models:
            for spec in session.suite.checks:
                session.verdicts(model.name, spec.name)
    messages = [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
    record = session.record()
    partial = len(models) < len(session.suite.candidates)
    return replace(record, warnings=tuple(dict.fromkeys((*record.warnings, *messages))), partial=partial)


def skipped_record(suite: Suite, reason: str, candidates: Sequence[str] = ()) -> SuiteRecord:
    """The record of a suite that cannot run here: one SKIPPED verdict per candidate and check."""
    verdicts = tuple(
        Verdict(suite.name, model.name, spec.name, None, Outcome.SKIPPED, reason, blocks=False)
        for model in suite.candidates
        if not candidates or model.name in candidates
        for spec in suite.checks
    )
    return SuiteRecord(suite=suite.name, about=suite.about, path=str(suite.path), verdicts=verdicts)

"""The verdicts of a made candidate, kept beside its `artifact.json`.

`artifact.json` says how a model came to be, and is never changed once the model is there. What was found about it comes
later and again and again: it stands in a file of its own, `verdicts.json`, which the next full run replaces. Nothing reads it.
"""

from __future__ import annotations

import json
from contextlib import suppress

from harness.core.numbers import known, unit_of
from harness.core.run import RunRecord, SuiteRecord
from harness.engine.session import Session
from harness.errors import StoreError
from harness.report.files import write_atomically
from harness.report.standing import CheckGroup, check_groups, worst_first

VERDICTS = "verdicts.json"


def keep_verdicts(run: RunRecord, record: SuiteRecord, session: Session) -> None:
    """Write `verdicts.json` for every made candidate of a full run; a folder that cannot be written costs that file only."""
    if record.partial:
        return
    groups = check_groups(record.verdicts)
    for model in session.suite.candidates:
        own = [group for group in groups if group.candidate == model.name]
        artefact = session.made(model) if own else None
        if artefact is not None:
            with suppress(StoreError):
                write_atomically(artefact.folder / VERDICTS, _text(run, record, model.name, own))


def _text(run: RunRecord, record: SuiteRecord, candidate: str, groups: list[CheckGroup]) -> str:
    document = {
        "schema": 1,
        "suite": record.suite,
        "candidate": candidate,
        "run": {"id": run.id, "started": run.started},
        "verdicts": [_row(group) for group in groups],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _row(group: CheckGroup) -> dict[str, object]:
    """The check's worst verdict, and the drop of the whole; null for what was not measured."""
    worst = worst_first(group.verdicts)[0]
    whole = group.whole.comparison if group.whole else None
    return {
        "check": group.check,
        "outcome": str(worst.outcome),
        "item": worst.item_name,
        "blocks": any(verdict.blocks for verdict in group.verdicts),
        "expected": worst.expected,
        "drop": known(whole.drop.value) if whole else None,
        "low": known(whole.drop.low) if whole else None,
        "high": known(whole.drop.high) if whole else None,
        "margin": known(whole.margin) if whole else None,
        "unit": str(unit_of(whole)) if whole else None,
    }

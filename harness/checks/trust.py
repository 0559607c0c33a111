"""When a measurement cannot be trusted, or could not be made: the same verdict for the whole and every segment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from harness.arrays.outputs import Outputs, RowStatus
from harness.arrays.targets import Targets
from harness.checks.judging import Rules
from harness.checks.material import Material
from harness.checks.mixed_labels import ADVICE, exchanged_labels
from harness.core.models import OutputType, Task
from harness.core.numbers import percent, plural
from harness.core.outcome import Outcome
from harness.core.segment import Segment
from harness.core.verdict import Verdict
from harness.metrics.labels import predicted_codes

LARGEST_ORIGINAL_FAILURE = 0.001
"""The original may fail on this share of the examples before the measurement is INVALID."""

NAMED = 5
"""Examples of each sort of failure that are named."""

LONGEST_ID = 60
"""Characters of an id that are shown."""

_WORDS = {
    RowStatus.NOT_FINITE: "gave NaN or Inf on",
    RowStatus.RAISED: "raised an error on",
    RowStatus.CRASHED: "crashed on",
    RowStatus.TIMED_OUT: "timed out on",
    RowStatus.MISSING: "has no prediction for",
}


def describe_failures(outputs: Outputs, ids: pa.Array) -> str:
    """`crashed on 2 examples (r3, r8: killed by SIGSEGV), gave NaN or Inf on 1 example (r5: …)`, "" when there are none."""
    return ", ".join(_described(outputs, ids, status) for status in _WORDS if (outputs.status == status).any())


def _described(outputs: Outputs, ids: pa.Array, status: RowStatus) -> str:
    rows = np.flatnonzero(outputs.status == status)
    named = ", ".join(_shortened(str(ids[int(row)])) for row in rows[:NAMED]) + (", …" if len(rows) > NAMED else "")
    detail = next((outputs.messages[row] for row in rows.tolist() if row in outputs.messages), "")
    return f"{_WORDS[status]} {plural(len(rows), 'example')} ({named}{': ' if detail else ''}{detail})"


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_ID else name[: LONGEST_ID - 1] + "…"


def distrust(original: Outputs, ids: pa.Array) -> str:
    """Why a comparison with this original cannot be trusted, "" when it can."""
    failed = int(np.count_nonzero(~original.ok))
    if failed <= LARGEST_ORIGINAL_FAILURE * len(original):
        return ""
    return (
        f"the original {describe_failures(original, ids)}: {percent(failed / len(original), 2)} of the data, "
        f"more than {percent(LARGEST_ORIGINAL_FAILURE, 1)}; mend the original or the data first"
    )


def worse_than_guessing(outputs: Outputs, targets: Targets) -> str:
    """`worse than blind guessing (…)` when a model's answers cannot mean what the suite says, "" when they can.

    Balanced accuracy (mean recall of the classes) of blind guessing is 1 / classes whatever their frequencies, so that
    a model which trades accuracy for recall is not suspected. Judged with one right and one wrong answer added to every
    class and at one-sided 0.1 %: a model at chance is left alone, and so are a handful of examples.
    """
    if targets.task not in (Task.BINARY, Task.MULTICLASS) or outputs.spec.type in (OutputType.VECTOR, OutputType.VALUES):
        return ""
    truth = targets.values.astype(np.int64)
    counts = np.bincount(truth)
    classes = int(np.count_nonzero(counts))
    if classes < 2:
        return ""
    right = (predicted_codes(outputs, targets) == truth).astype(np.float64)
    hits, sizes = np.bincount(truth, weights=right)[counts > 0], counts[counts > 0]
    cautious = (hits + 1) / (sizes + 2)
    error = float(np.sqrt(np.sum(cautious * (1 - cautious) / (sizes + 2)))) / classes
    if float(cautious.mean()) + 3.09 * error >= 1 / classes:
        return ""
    balanced = float((hits / sizes).mean())
    return f"worse than blind guessing (mean recall of the classes {percent(balanced, 1)}, guessing gives {percent(1 / classes, 1)})"


def one_answer(outputs: Outputs, targets: Targets) -> str:
    """`gives one and the same answer, 'no', to all 400 examples; it ` when it does, "" when answers differ."""
    codes = np.unique(predicted_codes(outputs, targets))
    if len(codes) != 1 or codes[0] < 0 or len(outputs) < 2:
        return ""
    return f"gives one and the same answer, {targets.labels[int(codes[0])]!r}, to all {len(outputs):,} examples; it "


def with_label_warning(verdicts: tuple[Verdict, ...], material: Material) -> tuple[Verdict, ...]:
    """The verdicts, the whole's with a warning when the candidate's answers look like those to other labels."""
    outputs, targets = material.outputs, material.examples.targets
    if outputs is None or targets is None:
        return verdicts
    exchanged, guessing = exchanged_labels(outputs, targets), worse_than_guessing(outputs, targets)
    if not exchanged and (not guessing or _hardly_answers(outputs, targets)):
        return verdicts
    found = f"the candidate is {guessing}" if guessing else "the candidate exchanges labels"
    warning = f"{found}{': ' if exchanged else ''}{exchanged}; {ADVICE}"
    return (replace(verdicts[0], warnings=(*verdicts[0].warnings, warning)), *verdicts[1:])


def _hardly_answers(outputs: Outputs, targets: Targets) -> bool:
    """Whether most examples have no answer, or none that is a label, of which warnings of their own tell."""
    return bool((outputs.ok & (predicted_codes(outputs, targets) >= 0)).mean() < 0.5)


def with_failures(verdicts: tuple[Verdict, ...], material: Material) -> tuple[Verdict, ...]:
    """The verdicts, the whole's with a warning that counts and names the examples on which the candidate failed."""
    words = describe_failures(material.outputs, material.examples.ids) if material.outputs is not None else ""
    if not words:
        return verdicts
    warning = f"the candidate {words}; each counts as a wrong answer"
    return (replace(verdicts[0], warnings=(*verdicts[0].warnings, warning)), *verdicts[1:])


def error_everywhere(rules: Rules, material: Material, reason: str) -> tuple[Verdict, ...]:
    """ERROR for the whole and every segment."""
    return _everywhere(rules, material, Outcome.ERROR, reason)


def invalid_everywhere(rules: Rules, material: Material, reason: str) -> tuple[Verdict, ...]:
    """INVALID for the whole and every segment."""
    return _everywhere(rules, material, Outcome.INVALID, reason)


def _everywhere(rules: Rules, material: Material, outcome: Outcome, reason: str) -> tuple[Verdict, ...]:
    found = [segment for name in rules.segments for segment in material.examples.segmentations[name].segments]
    segments: list[Segment | None] = [None, *found]
    return tuple(
        Verdict(
            suite=rules.suite,
            candidate=rules.candidate,
            check=rules.check,
            segment=segment,
            outcome=outcome,
            reason=reason,
            blocks=True,
        )
        for segment in segments
    )

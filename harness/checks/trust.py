"""When a measurement cannot be trusted, or could not be made: the same verdict for the whole and every segment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.arrays.outputs import Outputs, RowStatus
from harness.checks.judging import Rules
from harness.checks.material import Material
from harness.core.outcome import Outcome
from harness.core.segment import Segment
from harness.core.verdict import Verdict

LARGEST_ORIGINAL_FAILURE = 0.001
"""The original may fail on this share of the examples before the measurement is INVALID."""

_WORDS = {
    RowStatus.NOT_FINITE: "gave NaN or Inf on",
    RowStatus.RAISED: "raised an error on",
    RowStatus.CRASHED: "crashed on",
    RowStatus.TIMED_OUT: "timed out on",
    RowStatus.MISSING: "has no prediction for",
}


def describe_failures(outputs: Outputs) -> str:
    """`crashed on 3 examples, gave NaN or Inf on 1 example (first: …)`, "" when there are none."""
    parts = []
    for status, words in _WORDS.items():
        count = int(np.count_nonzero(outputs.status == status))
        if count:
            parts.append(f"{words} {count:,} example{'s' if count > 1 else ''}")
    if not parts:
        return ""
    detail = next(iter(outputs.messages.values()), "")
    return ", ".join(parts) + (f" (for instance: {detail})" if detail else "")


def distrust(original: Outputs) -> str:
    """Why a comparison with this original cannot be trusted, "" when it can."""
    failed = int(np.count_nonzero(~original.ok))
    if failed <= LARGEST_ORIGINAL_FAILURE * len(original):
        return ""
    return (
        f"the original {describe_failures(original)}: {failed / len(original):.2%} of the data, "
        f"more than {LARGEST_ORIGINAL_FAILURE:.1%}; mend the original or the data first"
    )


def with_failures(verdicts: tuple[Verdict, ...], candidate: Outputs) -> tuple[Verdict, ...]:
    """The verdicts, the whole's with a warning that counts the examples on which the candidate failed."""
    words = describe_failures(candidate)
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

"""`expect:` of a candidate: outcomes announced beforehand, each with a reason."""

from __future__ import annotations

from collections.abc import Iterable

from harness.core.models import Expectation
from harness.spec.context import Context
from harness.spec.faults import nearest
from harness.spec.shapes import ExpectationShape
from harness.spec.tree import Entry
from harness.spec.validate import validate


def read_expectations(context: Context, entry: Entry, checks: Iterable[str]) -> dict[str, Expectation]:
    """Expectations by check name; faults are noted, and what is wrong is left out."""
    table = context.table(entry.node, entry.place, "expect (check: {outcome, reason})")
    known = tuple(checks)
    expectations = {}
    for check, found in (table.entries if table else {}).items():
        if check not in known:
            context.faults.add(found.place, f"there is no check {check!r} to expect anything of; {nearest(check, known)}")
        inside = context.table(found.node, found.place, f"the expectation of {check!r}")
        what = f"the expectation of {check!r}"
        shape = validate(ExpectationShape, inside, found.place, context.faults, what) if inside else None
        if shape and not shape.reason.strip():
            context.faults.add(found.place, f"{what} needs a reason")
        elif shape:
            expectations[check] = Expectation(shape.outcome.value, shape.reason)
    return expectations

"""Limits that a kind of model can never meet, because the quantity is not to be had of it."""

from __future__ import annotations

from collections.abc import Iterable

from harness.core.models import ModelSpec
from harness.core.suite import CheckSpec
from harness.ports.measuring import Unweighed, Wanted, Weighing
from harness.spec.context import Context
from harness.spec.tree import Entry, Place, Table


def refuse_unmeasurable(
    context: Context, written: Table, checks: Iterable[CheckSpec], original: ModelSpec, candidates: Iterable[ModelSpec]
) -> None:
    """A fault at each limit on something that cannot be known of a model it is set for; `written` are the checks by name.

    A candidate that announces the ERROR by `expect:` knows already.
    """
    candidates = tuple(candidates)
    for spec in checks:
        if not isinstance(spec.parameters, Weighing):
            continue
        judged = [model for model in candidates if spec.name not in model.expect or model.expect[spec.name].outcome != "ERROR"]
        for limit, wanted in spec.parameters.wanted().items():
            models = (*judged, original) if wanted.relative and judged else judged
            for why, names in _reasons(models, wanted).items():
                message = f"{limit}: the {wanted.quantity} of {' and '.join(names)} cannot be known, {why}"
                context.faults.add(_place(written.entries.get(spec.name), limit, spec), message)


def _reasons(models: Iterable[ModelSpec], wanted: Wanted) -> dict[str, list[str]]:
    """The models of which the quantity cannot be known, by why."""
    found: dict[str, list[str]] = {}
    for model in models:
        why = model.parameters.lacks(wanted.quantity) if isinstance(model.parameters, Unweighed) and not model.steps else None
        if why is not None:
            found.setdefault(why, []).append(model.name)
    return found


def _place(entry: Entry | None, limit: str, spec: CheckSpec) -> Place:
    node = entry.node if entry is not None else None
    if isinstance(node, Table) and limit in node.entries:
        return node.entries[limit].place
    return Place(*spec.place) if spec.place is not None else Place("", 1, 1)

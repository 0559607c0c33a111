"""`compress:` of a candidate: the steps that make it."""

from __future__ import annotations

from harness.core.models import Step
from harness.spec.context import Context
from harness.spec.kinds import parameters
from harness.spec.tree import Entry, Items, Leaf, Node, Table, describe


def read_steps(context: Context, entry: Entry) -> tuple[Step, ...]:
    """The steps in order; faults are noted, and what is wrong is left out."""
    if not isinstance(entry.node, Items) or not entry.node.items:
        found = "an empty list" if isinstance(entry.node, Items) else describe(entry.node)
        context.faults.add(entry.place, f"compress is a list of steps, such as [{{quantize: {{bits: 8}}}}], not {found}")
        return ()
    steps = (_step(context, item) for item in entry.node.items)
    return tuple(step for step in steps if step)


def _step(context: Context, node: Node) -> Step | None:
    named = _named(context, node)
    if named is None:
        return None
    name, entry = named
    techniques = context.registers.techniques
    if name not in techniques:
        context.faults.add(entry.place, techniques.unknown(name))
        return None
    values = parameters(context, techniques.get(name), entry, f"step {name!r}")
    place = entry.place
    return None if values is None else Step(name, values, (place.path, place.line, place.column))


def _named(context: Context, node: Node) -> tuple[str, Entry] | None:
    """The technique of a step and what stands behind it."""
    if isinstance(node, Leaf) and not node.blank:
        return node.text, Entry(node.place, Table(node.place, {}))
    if isinstance(node, Table) and len(node.entries) == 1:
        return next(iter(node.entries.items()))
    if isinstance(node, Table) and len(node.entries) > 1:
        first, second, *_ = node.entries
        message = f"a step names one technique; {first!r} and {second!r} are two (is a - or an indentation missing?)"
        context.faults.add(node.entries[second].place, message)
        return None
    context.faults.add(node.place, "a step is a technique with its parameters, such as {quantize: {bits: 8}}")
    return None

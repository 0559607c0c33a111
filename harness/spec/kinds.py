"""A kind and its parameters, in whichever of the ways they may be written.

`onnx: a.onnx`, `onnx: {path: a.onnx, threads: 1}`, or with parameters beside the kind: `{onnx: a.onnx, threads: 1}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.catalogue import Kind, Parameters
from harness.spec.annotations import fields_of
from harness.spec.context import Context
from harness.spec.tree import Entry, Leaf, Table, describe
from harness.spec.validate import validate


def parameter_names(kind: Kind[Any]) -> tuple[str, ...]:
    """The names of a kind's parameters as a suite writes them."""
    return tuple(fields_of(kind.parameters))


def parameters(
    context: Context, kind: Kind[Any], entry: Entry, what: str, beside: Table | None = None, also: Iterable[str] = ()
) -> Parameters | None:
    """The validated parameters of `kind`: those in the value of `entry`, and those written `beside` it."""
    table = expanded(context, kind, entry, what)
    if table is None:
        return None
    for name, other in (beside.entries if beside else {}).items():
        if name in table:
            context.faults.add(other.place, f"{name!r} is given twice: here, and by {kind.name!r} on line {entry.place.line}")
        else:
            table = table.with_entry(name, other)
    return validate(kind.parameters, table, entry.place, context.faults, what, also)


def expanded(context: Context, kind: Kind[Any], entry: Entry, what: str) -> Table | None:
    """The value of `entry` as a table of parameters, a bare value standing for the kind's shorthand."""
    node = entry.node
    if isinstance(node, Table):
        return node
    if isinstance(node, Leaf) and node.blank and node.plain:
        return Table(entry.place, {})
    if kind.shorthand is None:
        context.faults.add(node.place, f"{what} takes a mapping of parameters ({', '.join(parameter_names(kind))}), not {describe(node)}")
        return None
    return Table(node.place, {kind.shorthand: Entry(node.place, node)})

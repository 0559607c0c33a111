"""`data:`."""

from __future__ import annotations

from typing import Any

from harness.catalogue import Kind
from harness.core.suite import DataSpec
from harness.spec.context import Context
from harness.spec.faults import unknown_key
from harness.spec.kinds import parameter_names, parameters
from harness.spec.segments import read_segments
from harness.spec.shapes import DataShape
from harness.spec.tree import Entry, Table
from harness.spec.validate import validate

FILE = "file"
SOURCE = "source"
FIELDS = ("id", "target", "role", "cluster_by")
DATA_KEYS = (*FIELDS, "segments")


def read_data(context: Context, top: Table) -> dict[str, DataSpec]:
    """The data sets by name; faults are noted, and what is wrong is left out."""
    entry = top.entries.get("data")
    table = context.table(entry.node, entry.place, "data (name: where it comes from)") if entry else None
    if entry is None or table is None:
        return {}
    if not table.entries:
        context.faults.add(entry.place, "there is no data set; a suite needs at least one with the role test")
    named = context.named(table, "data set")
    return {name: spec for name, found in named.entries.items() if (spec := _data(context, name, found))}


def _data(context: Context, name: str, entry: Entry) -> DataSpec | None:
    what = f"data {name!r}"
    table = context.table(entry.node, entry.place, what)
    if table is None:
        return None
    source = _source(context, table, entry, what)
    shape = validate(DataShape, table.only(*FIELDS), entry.place, context.faults, what)
    segments = read_segments(context, table.entries["segments"], name) if "segments" in table else ()
    if source is None or shape is None:
        return None
    kind, values = source
    return DataSpec(name, kind, values, shape.id, shape.target, segments, shape.role, shape.cluster_by)


def _source(context: Context, table: Table, entry: Entry, what: str) -> tuple[str, object] | None:
    """The kind of source and its parameters."""
    found = [key for key in table.entries if key == SOURCE or (key in context.registers.sources and key not in DATA_KEYS)]
    beside = table.without(*DATA_KEYS, *found)
    if len(found) > 1:
        context.faults.add(table.entries[found[1]].place, f"{what} comes from both {found[0]} and {found[1]}; keep one")
        return None
    if not found:
        _nowhere(context, beside, entry, what)
        return None
    written = table.entries[found[0]]
    if found[0] != SOURCE:
        return _of_kind(context, context.registers.sources.get(found[0]), written, what, beside)
    return _of_source(context, written, what, beside)


def _of_source(context: Context, written: Entry, what: str, beside: Table) -> tuple[str, object] | None:
    """`source: path`, `source: {kind: …}`, or `source: {path: …, format: …}`."""
    sources = context.registers.sources
    if isinstance(written.node, Table):
        named = [key for key in written.node.entries if key in sources]
        if len(named) > 1:
            context.faults.add(written.node.entries[named[1]].place, f"{what} comes from both {named[0]} and {named[1]}; keep one")
            return None
        if named:
            inside = written.node.without(named[0])
            both = Table(inside.place, {**inside.entries, **beside.entries})
            return _of_kind(context, sources.get(named[0]), written.node.entries[named[0]], what, both)
    if FILE not in sources:
        context.faults.add(written.node.place, f"{what}: name the kind of source, one of {', '.join(sources.names())}")
        return None
    return _of_kind(context, sources.get(FILE), written, what, beside, sources.names())


def _of_kind(
    context: Context, kind: Kind[Any], written: Entry, what: str, beside: Table, rivals: tuple[str, ...] = ()
) -> tuple[str, object] | None:
    values = parameters(context, kind, written, what, beside, (*DATA_KEYS, SOURCE, *rivals))
    return None if values is None else (kind.name, values)


def _nowhere(context: Context, beside: Table, entry: Entry, what: str) -> None:
    sources = context.registers.sources
    known = (SOURCE, *sources.names(), *DATA_KEYS, *(parameter_names(sources.get(FILE)) if FILE in sources else ()))
    for key, found in beside.entries.items():
        context.faults.add(found.place, unknown_key(key, known, what))
    if not beside.entries:
        context.faults.add(entry.place, f"{what} comes from nowhere; give it source: a file, or one of {', '.join(sources.names())}")

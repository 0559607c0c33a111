"""`defaults:`: settings for every model, check and segmentation that does not say otherwise."""

from __future__ import annotations

from typing import Any

from harness.catalogue import Kind
from harness.spec.context import Context
from harness.spec.faults import unknown_key
from harness.spec.kinds import parameter_names
from harness.spec.registers import Registers
from harness.spec.tree import Entry, Items, Leaf, Node, Table

MODEL_DEFAULTS = ("timeout", "batch_size")
SEGMENT_DEFAULTS = ("min_examples", "otherwise")
NEVER_SHARED = frozenset({"metric", "kind", "data", "per"})


def shared_settings(registers: Registers) -> tuple[str, ...]:
    """Every key that `defaults:` may hold."""
    of_checks = [name for kind in registers.checks for name in parameter_names(kind) if name not in NEVER_SHARED]
    return tuple(dict.fromkeys((*MODEL_DEFAULTS, *SEGMENT_DEFAULTS, *of_checks)))


class Defaults:
    """The settings of `defaults:`, laid beneath what is written."""

    def __init__(self, context: Context, top: Table) -> None:
        entry = top.entries.get("defaults")
        table = context.table(entry.node, entry.place, "defaults (setting: value)") if entry else None
        self._table = table or Table(top.place, {})
        known = shared_settings(context.registers)
        for key, found in self._table.entries.items():
            if key not in known:
                context.faults.add(found.place, unknown_key(key, known, "defaults"))

    def applied_to(self, kind: Kind[Any], table: Table) -> Table:
        """The parameters of a check of this kind, completed."""
        return _beneath(self._table, table, tuple(name for name in parameter_names(kind) if name not in NEVER_SHARED))

    def spread(self, top: Table) -> Table:
        """The suite with those for the original (candidates inherit them) and for segmentations filled in."""
        original = top.entries.get("original")
        if original and isinstance(original.node, Table):
            top = top.with_entry("original", Entry(original.place, _beneath(self._table, original.node, MODEL_DEFAULTS)))
        data = top.entries.get("data")
        if data and isinstance(data.node, Table) and any(key in self._table for key in SEGMENT_DEFAULTS):
            sets = {name: Entry(found.place, self._with_segments(found.node)) for name, found in data.node.entries.items()}
            top = top.with_entry("data", Entry(data.place, Table(data.node.place, sets)))
        return top

    def _with_segments(self, data: Node) -> Node:
        segments = data.entries.get("segments") if isinstance(data, Table) else None
        if not isinstance(data, Table) or segments is None or not isinstance(segments.node, Table):
            return data
        rules = {name: Entry(found.place, self._segmentation(found)) for name, found in segments.node.entries.items()}
        return data.with_entry("segments", Entry(segments.place, Table(segments.node.place, rules)))

    def _segmentation(self, entry: Entry) -> Node:
        node = long_form(entry)
        return _beneath(self._table, node, SEGMENT_DEFAULTS) if isinstance(node, Table) else node


def long_form(entry: Entry) -> Node:
    """A segmentation with its keys written out: a name is a column, a list a product."""
    node = entry.node
    if isinstance(node, Items):
        return Table(node.place, {"of": Entry(node.place, node)})
    if isinstance(node, Leaf) and not node.blank:
        return Table(node.place, {"column": Entry(node.place, node)})
    return node


def _beneath(defaults: Table, table: Table, keys: tuple[str, ...]) -> Table:
    missing = {key: entry for key, entry in defaults.only(*keys).entries.items() if key not in table}
    return Table(table.place, {**missing, **table.entries})

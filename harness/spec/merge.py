"""`extends:`: one table laid over another."""

from __future__ import annotations

from collections.abc import Callable

from harness.spec.tree import Leaf, Node, Table

Path = tuple[str, ...]

Exclusive = Callable[[Path], tuple[frozenset[str], frozenset[str]]]
"""For a table at a path: keys of which one replaces all others, and the keys that survive such a replacement."""


def merge(lower: Table, upper: Table, exclusive: Exclusive, path: Path = ()) -> Table:
    """`upper` over `lower`: mappings merge key by key, anything else is replaced, a null removes.

    Where a table names its kind (`onnx:` of a model, `source:` of data), an `upper` that names one drops the kind of
    `lower` with its parameters.
    """
    rivals, shared = exclusive(path)
    chosen = rivals & upper.entries.keys()
    if chosen and chosen.isdisjoint(lower.entries):
        lower = lower.only(*shared)
    entries = dict(lower.entries)
    for key, entry in upper.entries.items():
        beneath = lower.get(key)
        if _removes(entry.node) and beneath is not None:
            del entries[key]
        elif isinstance(entry.node, Table) and isinstance(beneath, Table):
            merged = merge(beneath, entry.node, exclusive, (*path, key))
            entries[key] = type(entry)(entry.place, merged)
        else:
            entries[key] = entry
    return Table(upper.place, entries)


def _removes(node: Node) -> bool:
    return isinstance(node, Leaf) and node.blank and node.plain

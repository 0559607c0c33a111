"""What every part of the reader needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from harness.spec.faults import Faults
from harness.spec.registers import Registers
from harness.spec.shapes import NAME
from harness.spec.tree import Leaf, Node, Place, Table, describe


@dataclass(frozen=True)
class Context:
    """The registers, where faults go, and the folder that paths are relative to."""

    registers: Registers
    faults: Faults
    root: Path

    def table(self, node: Node, owner: Place, what: str) -> Table | None:
        """`node` as a mapping; nothing at all is an empty one, anything else a fault."""
        if isinstance(node, Table):
            return node
        if isinstance(node, Leaf) and node.blank and node.plain:
            return Table(owner, {})
        self.faults.add(node.place, f"{what} is a mapping of keys, not {describe(node)}")
        return None

    def named(self, table: Table, what: str) -> Table:
        """`table` without entries whose name cannot stand in a test id or a file name; each of these is a fault."""
        bad = [name for name in table.entries if not re.fullmatch(NAME, name)]
        for name in bad:
            self.faults.add(table.entries[name].place, f"{name!r} cannot name a {what}: use letters, digits, _, and - or . inside")
        return table.without(*bad)

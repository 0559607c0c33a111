"""`${NAME}` and `${NAME:-default}` in the values of a suite (never in keys)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.spec.faults import Faults
from harness.spec.scalars import resolve
from harness.spec.tree import Entry, Items, Leaf, Node, Table

_VARIABLE = re.compile(r"\$(?P<escaped>\$\{)|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|(?P<broken>))")


@dataclass(frozen=True)
class Environment:
    """Fills in variables. Those in `optional` may be missing and then stay as written: the suite will be skipped for it.

    A default is used when the variable is missing or empty, as in a shell. `$${` stands for a literal `${`. A value that
    becomes a number or true/false by it is one, quoted or not: inside `{}` and `[]` YAML wants the quotes.
    """

    variables: Mapping[str, str]
    optional: frozenset[str]
    faults: Faults

    def fill(self, node: Node) -> Node:
        """`node` with every variable in its values filled in."""
        match node:
            case Table(place, entries):
                return Table(place, {key: Entry(entry.place, self.fill(entry.node)) for key, entry in entries.items()})
            case Items(place, items):
                return Items(place, tuple(self.fill(item) for item in items))
            case Leaf(value=str(value)) if "${" in value:
                return self._leaf(node)
        return node

    def _leaf(self, leaf: Leaf) -> Leaf:
        text = _VARIABLE.sub(lambda match: self._value(match, leaf), leaf.text)
        value = resolve(text)
        return replace(leaf, text=text, value=text if value is None else value, lead=None)

    def _value(self, match: re.Match[str], leaf: Leaf) -> str:
        if match["escaped"]:
            return "${"
        if match["broken"] is not None:
            self.faults.add(
                leaf.at(match.start()), "${ begins a variable: write ${NAME} or ${NAME:-default}, or $${ for the characters themselves"
            )
            return match[0]
        name, default = match["name"], match["default"]
        value = self.variables.get(name)
        if default is not None:
            return value or default
        if value is not None:
            return value
        if name not in self.optional:
            self.faults.add(
                leaf.at(match.start()), f"environment variable {name} is not set; set it, or give a default: ${{{name}:-default}}"
            )
        return match[0]

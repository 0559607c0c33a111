"""A YAML document as a tree whose every value knows where it was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

Path = tuple[str | int, ...]
"""Keys and indices from a table down to a value."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file as the user gave it, with a 1-based line and column."""

    path: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar: the text as written, and the value it stands for in YAML 1.2 (text, number, true/false, None).

    `plain`: written without quotes. `lead`: columns from `place` to the first character, when the text stands in the
    file character by character on one line, else None.
    """

    place: Place
    text: str
    value: str | int | float | bool | None
    plain: bool = True
    lead: int | None = None

    @property
    def blank(self) -> bool:
        """Whether nothing was written, or a null."""
        return self.value is None

    def at(self, offset: int) -> Place:
        """Where character `offset` of the text stands, or the start of the scalar when that cannot be told."""
        return self.place if self.lead is None else replace(self.place, column=self.place.column + self.lead + offset)


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's place and its value."""

    place: Place
    node: Node


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, keys as written."""

    place: Place
    entries: dict[str, Entry]

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def get(self, key: str) -> Node | None:
        """The value of `key`, None when it is absent."""
        entry = self.entries.get(key)
        return entry.node if entry else None

    def without(self, *keys: str) -> Table:
        """The same table, lacking `keys`."""
        return Table(self.place, {key: entry for key, entry in self.entries.items() if key not in keys})

    def only(self, *keys: str) -> Table:
        """The same table, with none but `keys`."""
        return Table(self.place, {key: entry for key, entry in self.entries.items() if key in keys})

    def with_entry(self, key: str, entry: Entry) -> Table:
        """The same table with one entry added or replaced."""
        return Table(self.place, {**self.entries, key: entry})


@dataclass(frozen=True, slots=True)
class Given:
    """A value that was already made of what stands at `place`."""

    place: Place
    value: object


Node = Leaf | Items | Table | Given


def plain(node: Node) -> object:
    """The tree as dicts, lists and scalars."""
    match node:
        case Table(_, entries):
            return {key: plain(entry.node) for key, entry in entries.items()}
        case Items(_, items):
            return [plain(item) for item in items]
        case Leaf() | Given():
            return node.value


def leaves(node: Node, path: Path = ()) -> Iterator[tuple[Path, Leaf]]:
    """Every scalar with the path to it."""
    match node:
        case Table(_, entries):
            for key, entry in entries.items():
                yield from leaves(entry.node, (*path, key))
        case Items(_, items):
            for index, item in enumerate(items):
                yield from leaves(item, (*path, index))
        case Leaf():
            yield path, node
        case Given():
            pass


def describe(node: Node) -> str:
    """What a message calls a value: `'abc'`, `a list`, `nothing`."""
    match node:
        case Table():
            return "a mapping"
        case Items():
            return "a list"
        case Given():
            return "this"
        case Leaf(text=text, value=value):
            if value is None:
                return text or "nothing"
            shown = text if len(text) <= 40 else text[:37] + "…"
            return repr(shown) if isinstance(value, str) else shown

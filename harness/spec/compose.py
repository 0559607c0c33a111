"""YAML text → a tree with places.

Only the parser of ruamel.yaml is used: its events carry marks, and no object is ever constructed from a tag.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from harness.spec.faults import Faults
from harness.spec.scalars import resolve
from harness.spec.tree import Entry, Items, Leaf, Node, Place, Table

MAX_DEPTH = 40
"""How deep lists and mappings may be nested."""

MAX_VALUES = 50_000
"""How many values a suite may hold, each alias counted as what it stands for."""


class _Stop(Exception):
    """The rest of the document cannot be read."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place


def compose(text: str, path: str, faults: Faults) -> Table | None:
    """The mapping that `text` holds; faults are noted, and None returned when there is no such mapping."""
    try:
        node = _Composer(text, path, faults).document()
    except _Stop as stop:
        faults.add(stop.place, str(stop))
        return None
    if not isinstance(node, Table):
        faults.add(
            node.place if node else Place(path, 1, 1), "a suite is a mapping of keys such as schema, suite, original, data and checks"
        )
        return None
    return node


class _Composer:
    def __init__(self, text: str, path: str, faults: Faults) -> None:
        self._path = path
        self._faults = faults
        self._events = self._read(text)
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._values = 0
        self._last: Any = None

    def document(self) -> Node | None:
        """The only document of the stream, None when it is empty."""
        node: Node | None = None
        for event in self._events:
            if not isinstance(event, DocumentStartEvent):
                continue
            if node is not None:
                raise _Stop(self._place(event), "a second YAML document starts here; a suite is one document")
            node = self._node(next(self._events), 0)
        return node

    def _read(self, text: str) -> Iterator[Any]:
        try:
            for event in YAML(typ="safe", pure=True).parse(text):
                self._last = event
                yield event
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(self._path, mark.line + 1, mark.column + 1) if mark else Place(self._path, 1, 1)
            raise _Stop(place, f"not valid YAML: {_first_line(error.problem or error.context)}") from error
        except YAMLError as error:
            raise _Stop(self._unreadable(text, error), f"not valid YAML: {_first_line(error)}") from error
        except Exception as error:  # the parser itself trips over some texts, such as "\U99999999"
            raise _Stop(
                self._place(self._last) if self._last else Place(self._path, 1, 1), f"not valid YAML after this: {_first_line(error)}"
            ) from error

    def _unreadable(self, text: str, error: YAMLError) -> Place:
        before = text[: getattr(error, "position", 0)]
        return Place(self._path, before.count("\n") + 1, len(before) - before.rfind("\n"))

    def _place(self, event: Any) -> Place:
        return Place(self._path, event.start_mark.line + 1, event.start_mark.column + 1)

    def _node(self, event: Any, depth: int) -> Node:
        place = self._place(event)
        if isinstance(event, AliasEvent):
            return self._alias(event.anchor, place)
        self._count(1, place)
        if depth > MAX_DEPTH:
            raise _Stop(place, f"nested more than {MAX_DEPTH} deep")
        before = self._values - 1
        node = self._fresh(event, place, depth)
        if event.anchor:
            self._anchors[event.anchor] = node, self._values - before
        return node

    def _fresh(self, event: Any, place: Place, depth: int) -> Node:
        if event.tag:
            self._faults.add(place, f"tags ({_tag(event.tag)}) have no meaning in a suite; put a text in quotes instead")
        match event:
            case ScalarEvent():
                return _leaf(event, place)
            case SequenceStartEvent():
                return Items(place, tuple(self._items(depth)))
            case MappingStartEvent():
                return Table(place, self._entries(depth))
        self._fail(event)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            place = self._place(event)
            key = self._key(event, depth)
            node = self._node(next(self._events), depth + 1)
            if key in entries:
                first = entries[key].place
                self._faults.add(place, f"key {key!r} is written twice; it stands first on line {first.line}")
            elif key is not None:
                entries[key] = Entry(place, node)
        return entries

    def _key(self, event: Any, depth: int) -> str | None:
        """The key as written; None, with a fault, when it is not a text."""
        node = self._node(event, depth + 1)
        if not isinstance(node, Leaf) or (node.plain and not node.text):
            self._faults.add(node.place, "a key must be a text")
            return None
        if node.plain and node.text == "<<":
            self._faults.add(node.place, "merge keys (<<) are not part of YAML 1.2; share settings by defaults: or extends:")
            return None
        return node.text

    def _alias(self, anchor: str, place: Place) -> Node:
        if anchor not in self._anchors:
            raise _Stop(place, f"*{anchor} refers to no finished anchor &{anchor} above it")
        node, size = self._anchors[anchor]
        self._count(size, place)
        return node

    def _count(self, values: int, place: Place) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            raise _Stop(place, f"more than {MAX_VALUES:,} values, aliases counted as what they stand for; put long lists in files")

    def _fail(self, event: Any) -> NoReturn:
        raise _Stop(self._place(event), "not valid YAML: a value was expected here")


def _leaf(event: Any, place: Place) -> Leaf:
    plain = not event.style
    value = resolve(event.value) if plain else event.value
    start, end = event.start_mark, event.end_mark
    quotes = 0 if plain else 1
    verbatim = start.line == end.line and end.column - start.column == len(event.value) + 2 * quotes
    return Leaf(place, event.value, value, plain, quotes if verbatim else None)


def _first_line(problem: object) -> str:
    return " ".join(str(problem).strip().splitlines()[:1])


def _tag(tag: object) -> str:
    return str(tag).replace("tag:yaml.org,2002:", "!!")

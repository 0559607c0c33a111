"""Where YAML and a parameter type disagree about what a scalar is.

pydantic takes `true` for the number 1 and the text `"nan"` for a number. A suite does not: where a type asks for a
number, a number must be written. And a quantity with a unit is a text, so a bare `60` is shown to its parser as text.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from harness.spec.annotations import Option, inner
from harness.spec.sentences import subject
from harness.spec.tree import Items, Leaf, Node, Path, Table, describe


def text_positions(model: type[BaseModel], table: Table) -> Iterator[Path]:
    """Paths of scalars that are always texts in a suite, whatever YAML takes them for."""
    for path, leaf, found in _scalars((Option(model),), table, ()):
        if not leaf.blank and any(option.written_as_text for option in found):
            yield path


def not_numbers(model: type[BaseModel], table: Table) -> Iterator[tuple[Path, Leaf, str]]:
    """Scalars where only a number makes sense and none stands, each with a sentence."""
    for path, leaf, found in _scalars((Option(model),), table, ()):
        if isinstance(leaf.value, (str, bool)) and found and _only_number(found, leaf):
            wanted = "a number" if any(option.type is float for option in found) else "a whole number"
            yield path, leaf, f"{subject(path)}: expected {wanted}, not {describe(leaf)}"


def _only_number(found: tuple[Option, ...], leaf: Leaf) -> bool:
    kinds = {option.type for option in found if option.type is not type(None)}
    if any(option.converted for option in found) or not kinds & {int, float}:
        return False
    scalar = {kind for kind in kinds if not _is_container(kind)}
    return scalar <= ({int, float} if isinstance(leaf.value, bool) else {int, float, bool})


def _is_container(kind: object) -> bool:
    return bool(getattr(kind, "__origin__", None) in (tuple, list, dict, set, frozenset)) or (
        isinstance(kind, type) and issubclass(kind, (tuple, list, dict, set, frozenset, BaseModel))
    )


def _scalars(found: tuple[Option, ...], node: Node, path: Path) -> Iterator[tuple[Path, Leaf, tuple[Option, ...]]]:
    match node:
        case Leaf():
            yield path, node, found
        case Table(_, entries):
            for key, entry in entries.items():
                yield from _scalars(_inside(found, key), entry.node, (*path, key))
        case Items(_, items):
            for index, item in enumerate(items):
                yield from _scalars(_inside(found, index), item, (*path, index))


def _inside(found: tuple[Option, ...], step: str | int) -> tuple[Option, ...]:
    return tuple(deeper for option in found if not option.converted for deeper in inner(option, step))

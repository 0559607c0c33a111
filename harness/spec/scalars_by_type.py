"""Where YAML and a parameter type disagree about what a scalar is.

pydantic takes `true` for the number 1 and the text `"nan"` for a number. A suite does not: where a type asks for a
number, a number must be written. And a quantity with a unit is a text, so a bare `60` is shown to its parser as text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from harness.spec.annotations import Option, inner
from harness.spec.sentences import subject
from harness.spec.tree import Items, Leaf, Node, Path, Table, describe


@dataclass(frozen=True)
class TypedScalar:
    """A scalar with every type that its parameter type allows there."""

    path: Path
    leaf: Leaf
    options: tuple[Option, ...]

    @property
    def is_text(self) -> bool:
        """Whether it is always a text in a suite, whatever YAML takes it for."""
        return not self.leaf.blank and any(option.written_as_text for option in self.options)

    def not_a_number(self) -> str | None:
        """A sentence when only a number makes sense and none stands there."""
        if not isinstance(self.leaf.value, (str, bool)) or not self.options or not self._only_number():
            return None
        wanted = "a number" if any(option.type is float for option in self.options) else "a whole number"
        return f"{subject(self.path)}: expected {wanted}, not {describe(self.leaf)}"

    def _only_number(self) -> bool:
        kinds = {option.type for option in self.options if option.type is not type(None)}
        if any(option.converted for option in self.options) or not kinds & {int, float}:
            return False
        scalar = {kind for kind in kinds if not _is_container(kind)}
        return scalar <= ({int, float} if isinstance(self.leaf.value, bool) else {int, float, bool})


def typed_scalars(model: type[BaseModel], table: Table) -> Iterator[TypedScalar]:
    """Every scalar of a table that is about to become a `model`."""
    yield from _walk((Option(model),), table, ())


def _is_container(kind: object) -> bool:
    return bool(getattr(kind, "__origin__", None) in (tuple, list, dict, set, frozenset)) or (
        isinstance(kind, type) and issubclass(kind, (tuple, list, dict, set, frozenset, BaseModel))
    )


def _walk(found: tuple[Option, ...], node: Node, path: Path) -> Iterator[TypedScalar]:
    if not found:
        return
    match node:
        case Leaf():
            yield TypedScalar(path, node, found)
        case Table(_, entries):
            for key, entry in entries.items():
                yield from _walk(_inside(found, key), entry.node, (*path, key))
        case Items(_, items):
            for index, item in enumerate(items):
                yield from _walk(_inside(found, index), item, (*path, index))


def _inside(found: tuple[Option, ...], step: str | int) -> tuple[Option, ...]:
    return tuple(deeper for option in found if not option.converted for deeper in inner(option, step))

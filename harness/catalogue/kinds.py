"""A register of one sort of thing (models, sources, metrics, checks, techniques) by kind name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.catalogue.parameters import Parameters
from harness.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One kind: its name in suite files, the type of its parameters, and what implements it.

    `shorthand` names the parameter that a bare value stands for: `onnx: a.onnx` means `onnx: {path: a.onnx}`.
    """

    name: str
    parameters: type[Parameters]
    implementation: T
    shorthand: str | None = None


class Kinds(Generic[T]):
    """Kinds by name. `sort` is what messages call them: `metric`, `model kind`."""

    def __init__(self, sort: str) -> None:
        self.sort = sort
        self._kinds: dict[str, Kind[T]] = {}

    def register(self, kind: Kind[T]) -> None:
        """Add `kind`; a second one of the same name is a `UsageError`."""
        if kind.name in self._kinds:
            raise UsageError(f"two {self.sort}s are called {kind.name!r}; rename or uninstall one of them")
        self._kinds[kind.name] = kind

    def get(self, name: str) -> Kind[T]:
        """The kind of that name; an unknown one is a `UsageError` that names the nearest."""
        if name not in self._kinds:
            raise UsageError(self.unknown(name))
        return self._kinds[name]

    def unknown(self, name: str) -> str:
        """The sentence for an unknown name."""
        near = difflib.get_close_matches(name, self._kinds, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(self._kinds))}"
        return f"unknown {self.sort} {name!r}; {hint}"

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def __iter__(self) -> Iterator[Kind[T]]:
        return iter(self._kinds.values())

    def names(self) -> tuple[str, ...]:
        """All names, in order of registration."""
        return tuple(self._kinds)

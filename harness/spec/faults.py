"""Gathers the faults of a suite, so that all can be told at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from harness.errors import Fault, SuiteError
from harness.spec.tree import Place


class Faults:
    """The faults found so far; the same fault twice counts once."""

    def __init__(self) -> None:
        self._found: dict[Fault, None] = {}

    def add(self, place: Place, message: str) -> None:
        """Note one fault."""
        self._found[Fault(place.path, place.line, place.column, message)] = None

    def __len__(self) -> int:
        return len(self._found)

    @property
    def found(self) -> tuple[Fault, ...]:
        """Everything found, in the order of finding."""
        return tuple(self._found)

    def raise_if_any(self) -> None:
        """`SuiteError` with everything found, if anything was."""
        if self._found:
            raise SuiteError(tuple(self._found))


def meant(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), None)


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean 'max_drop'?`, or the list of what is known."""
    known = list(dict.fromkeys(known))
    if near := meant(name, known):
        return f"did you mean {near!r}?"
    return f"known: {', '.join(sorted(known))}" if known else "none are known here"


def unknown_key(key: str, known: Iterable[str], what: str) -> str:
    """The sentence for a key that nobody knows here."""
    known = tuple(known)
    if key in known:
        return f"key {key!r} belongs one level up, beside the other keys of {what}"
    return f"unknown key {key!r} in {what}; {nearest(key, known)}"

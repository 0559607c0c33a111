"""One table of a suite → an instance of a parameter type, with every fault at the token that is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.errors import HarnessError
from harness.spec.annotations import known_keys
from harness.spec.faults import Faults, meant, unknown_key
from harness.spec.scalars_by_type import typed_scalars
from harness.spec.sentences import sentence, subject
from harness.spec.tree import Entry, Items, Leaf, Node, Path, Place, Table, leaves, plain

M = TypeVar("M", bound=BaseModel)

_TEXT_WANTED = frozenset({"string_type", "literal_error", "enum", "path_type"})


@dataclass(frozen=True)
class _Problem:
    """One pydantic error, at the path of real keys it is about. `union` is the path where a union begins, if one does."""

    error: ErrorDetails
    path: Path
    owner: Place
    node: Node
    union: Path | None
    branch: str


def validate(model: type[M], table: Table, owner: Place, faults: Faults, what: str, also: Iterable[str] = ()) -> M | None:
    """The instance, or None with faults noted.

    `owner` is where a missing key is reported (the key whose value `table` is), `what` names the table in messages, and
    `also` are keys that the user may write beside those of `model` (they count when a misspelt key is looked up).
    Scalars in text positions count as the text that was written: `positive: 007` is `"007"`.
    """
    before = len(faults)
    written = dict(leaves(table))
    raw = plain(table)
    blamed = set()
    for scalar in typed_scalars(model, table):
        if scalar.is_text:
            _put(raw, scalar.path, scalar.leaf.text)
        elif message := scalar.not_a_number():
            faults.add(scalar.leaf.place, message)
            blamed.add(scalar.path)
    try:
        instance, errors = _attempt(model, raw, written)
    except HarnessError as error:
        faults.add(owner, str(error))
        return None
    problems = [_locate(error, table, owner) for error in errors]
    problems = [problem for problem in problems if problem.path not in blamed]
    for path, group in _grouped(_without_echoes(model, problems, tuple(also))).items():
        _report(model, path, group, faults, what, tuple(also))
    return instance if len(faults) == before else None


def _attempt(model: type[M], raw: object, written: dict[Path, Leaf]) -> tuple[M | None, list[ErrorDetails]]:
    """Validate; where a text is wanted and YAML saw something else, try again with the text as written."""
    swapped: set[Path] = set()
    while True:
        try:
            return model.model_validate(raw), []
        except ValidationError as error:
            errors = error.errors(include_url=False, include_input=False)
        wanted = {_real(problem["loc"], written) for problem in errors if problem["type"] in _TEXT_WANTED}
        fresh = {path for path in wanted if path in written and _is_text_in_disguise(written[path])} - swapped
        if not fresh:
            return None, errors
        for path in fresh:
            _put(raw, path, written[path].text)
        swapped |= fresh


def _is_text_in_disguise(leaf: Leaf) -> bool:
    return bool(leaf.text) and not isinstance(leaf.value, str)


def _put(raw: object, path: Path, value: str) -> None:
    *parents, last = path
    for step in parents:
        raw = raw[step]  # type: ignore[index]  # a path of the tree that `raw` was made of
    raw[last] = value  # type: ignore[index]  # likewise


def _real(location: tuple[str | int, ...], written: dict[Path, Leaf]) -> Path:
    """A pydantic location without the names of union members in it."""
    prefixes = {path[:length] for path in written for length in range(len(path) + 1)}
    path: Path = ()
    for step in location:
        if (*path, step) in prefixes:
            path = (*path, step)
    return path


def _locate(error: ErrorDetails, table: Table, owner: Place) -> _Problem:
    node: Node = table
    path: Path = ()
    union: Path | None = None
    branch = ""
    location = error["loc"]
    absent = location[-1:] if error["type"] in ("missing", "extra_forbidden") else ()
    for step in location[: len(location) - len(absent)]:
        if isinstance(node, Table) and isinstance(step, str) and step in node.entries:
            owner, node = node.entries[step].place, node.entries[step].node
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            owner = node.place
        else:
            if union is None:
                union, branch = path, str(step)
            continue
        path = (*path, step)
    return _Problem(error, (*path, *absent), owner, node, union, branch)


def _without_echoes(model: type[BaseModel], problems: list[_Problem], also: tuple[str, ...]) -> list[_Problem]:
    """Without keys that are only missing because they are misspelt, and lists only short because of their wrong items."""
    within = {problem.path[:length] for problem in problems for length in range(len(problem.path))}
    problems = [problem for problem in problems if problem.error["type"] != "too_short" or problem.path not in within]
    strange = [problem.path for problem in problems if problem.error["type"] == "extra_forbidden"]
    misspelt = {(*path[:-1], meant(str(path[-1]), (*known_keys(model, path[:-1]), *also))) for path in strange}
    if any(path[-1] in also for path in misspelt if len(path) == 1):
        return [problem for problem in problems if problem.error["type"] != "missing" or len(problem.path) > 1]
    return [problem for problem in problems if problem.error["type"] != "missing" or problem.path not in misspelt]


def _grouped(problems: list[_Problem]) -> dict[Path, list[_Problem]]:
    """Problems by path. Where members of a union failed in different ways, only the member that came furthest speaks."""
    unions: dict[Path, dict[str, list[_Problem]]] = {}
    kept: list[_Problem] = []
    for problem in problems:
        if problem.union is None:
            kept.append(problem)
        else:
            unions.setdefault(problem.union, {}).setdefault(problem.branch, []).append(problem)
    for path, branches in unions.items():
        deeper = [group for group in branches.values() if any(len(problem.path) > len(path) for problem in group)]
        kept += sorted(deeper, key=len)[0] if deeper else [problem for group in branches.values() for problem in group]
    groups: dict[Path, list[_Problem]] = {}
    for problem in kept:
        groups.setdefault(problem.path, []).append(problem)
    return groups


def _report(model: type[BaseModel], path: Path, group: list[_Problem], faults: Faults, what: str, also: tuple[str, ...]) -> None:
    first = group[0]
    where = repr(path[-2]) if len(path) > 1 and isinstance(path[-2], str) else what
    match first.error["type"]:
        case "missing":
            faults.add(first.owner, f"{where} needs the key {str(path[-1])!r}")
        case "extra_forbidden":
            known = known_keys(model, path[:-1]) + (also if len(path) == 1 else ())
            entry = _entry(first.node, path[-1]) or Entry(first.owner, first.node)
            faults.add(entry.place, unknown_key(str(path[-1]), known, where))
        case _:
            name = subject(path) if path else what
            place = first.owner if isinstance(first.node, Table) or _says_nothing(first.node) else first.node.place
            faults.add(place, sentence(name, [problem.error for problem in group], first.node))


def _entry(node: Node, key: str | int) -> Entry | None:
    return node.entries.get(str(key)) if isinstance(node, Table) else None


def _says_nothing(node: Node) -> bool:
    return isinstance(node, Leaf) and not node.text and node.plain

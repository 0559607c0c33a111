"""Which column identifies the examples, which holds the right answers, which make segments."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from harness.cli.init.columns import Column, Data
from harness.cli.init.questions import Questions, names_in, unknown

_ID_NAMES = ("id", "idx", "index", "key", "uuid", "guid", "example", "example_id", "row", "row_id")
_TARGET_NAMES = ("target", "label", "labels", "class", "y", "answer", "truth", "gold", "ground_truth", "category", "intent", "species")
_MOST_SEGMENTS = 12
"""Distinct values up to which a column is proposed as a segmentation."""

_FEWEST = 30
"""Examples that the smallest segment of a proposed segmentation must have."""

_STILL_FEW = 50
"""Distinct values up to which it is said why a column is not proposed."""

_PROPOSED = 3

BINS = 4
"""Equally filled bins of a column of numbers."""


@dataclass(frozen=True)
class Roles:
    """Columns by what they are for; `id` is None when nothing identifies the examples; `binned` segments are cut into `BINS`."""

    id: str | None
    target: str | None
    segments: tuple[str, ...] = ()
    binned: frozenset[str] = frozenset()


def find_id(data: Data, given: str | None, questions: Questions, *, required: bool = False) -> str | None:
    """A column of unique values that is named like an id; with `required`, one is asked for when there is none."""
    unique = [column for column in data.columns if column.unique]
    named = [column.name for column in unique if column.plain_name in _ID_NAMES or column.plain_name.endswith("_id")]
    exact = [column.name for column in unique if column.plain_name == "id"]
    if given is None and not named and not (required and unique):
        if required:
            questions.miss(f"--id: recorded outputs are found by id, and no column of {data.path} has a different value in every row")
        return None
    sure = len(named) == 1 or len(exact) == 1
    best = next(iter(exact or named), None)
    choices = data.names if given is not None else [column.name for column in unique]
    return questions.choose("--id", "Which column identifies an example?", choices, given=given, best=best, sure=sure)


def find_target(data: Data, given: str | None, taken: Collection[str], classes: int | None, questions: Questions) -> str | None:
    """The column of right answers: named like one, or the only one with as many values as the model has `classes`."""
    best, sure = _likely_targets(data, taken, classes)
    choices = [column.name for column in data.columns if column.name not in taken]
    first = best[-1].name if best else None  # by custom the last column
    return questions.choose("--target", "Which column holds the right answers?", choices, given=given, best=first, sure=sure)


def likely_target(data: Data, taken: Collection[str], classes: int | None) -> str | None:
    """What to go on with when nobody says which column it is, so that everything missing can be told at once."""
    best, _ = _likely_targets(data, taken, classes)
    free = [column for column in data.columns if column.name not in taken and column.sort in ("text", "number")]
    return (best or free)[-1].name if best or free else None


def _likely_targets(data: Data, taken: Collection[str], classes: int | None) -> tuple[list[Column], bool]:
    possible = [column for column in data.columns if column.name not in taken and column.sort in ("text", "number") and not column.unique]
    named = [column for column in possible if column.plain_name in _TARGET_NAMES]
    fitting = [column for column in possible if classes is not None and column.distinct == classes]
    best = named if len(named) == 1 else [column for column in named if column in fitting] or fitting or named
    sure = len(named) == 1 or (not named and len(fitting) == 1 and classes is not None and classes > 2)
    return best, sure


def find_segments(
    data: Data, given: tuple[str, ...] | None, taken: Collection[str], target: str | None, questions: Questions
) -> tuple[str, ...]:
    """Columns whose every value is judged by itself: texts of few values, each with enough examples to say something.

    A column that mostly holds values of the target holds answers to it, such as another model's predictions. Other columns
    are taken when they are named; `binned` tells which of them must be cut into bins.
    """
    answers = set(data[target].values) if target in data.names and target is not None else set()
    possible = [column for column in data.columns if column.name not in taken and _makes_segments(column) and not _answers(column, answers)]
    best = [column.name for column in possible if column.sort == "text"][:_PROPOSED]
    choices = data.names if given is not None else [column.name for column in possible]
    if given is None:
        for sentence in _not_proposed(data, taken, answers, best):
            questions.announce(f"note: {sentence}")
    chosen = questions.several(
        "--segment",
        "Judge every value of which columns by itself?",
        choices,
        given=None if given is None else names_in(given, data.names),
        best=best,
        obstacle=lambda name: _obstacle(name, data, choices),
    )
    for name in binned(data, chosen):
        questions.announce(
            f"{name} has {data[name].distinct:,} values, too many to be segments as they stand: it is cut into {BINS} bins "
            f"of as many examples each, {{column: {name}, quantiles: {BINS}}}; the suite may say edges: instead"
        )
    return chosen


def _not_proposed(data: Data, taken: Collection[str], answers: set[str], best: Collection[str]) -> list[str]:
    """Of each column that looks like segments and is not proposed, why not."""
    reasons: dict[str, list[str]] = {}
    for column in data.columns:
        few = column.sort in ("text", "number") and 2 <= column.distinct <= _STILL_FEW and not column.unique
        if few and column.name not in taken and column.name not in best:
            reasons.setdefault(_why_not(column, answers), []).append(column.name)
    return [f"not proposed as segments: {', '.join(names)} ({why}); --segment takes them all the same" for why, names in reasons.items()]


def _why_not(column: Column, answers: set[str]) -> str:
    if _answers(column, answers):
        return "holds answers"
    if column.distinct > _MOST_SEGMENTS:
        return f"more than {_MOST_SEGMENTS} values"
    if column.smallest < _FEWEST:
        return f"the rarest value has fewer than {_FEWEST} examples"
    return "numbers" if column.sort == "number" else f"{_PROPOSED} are proposed at most"


def binned(data: Data, names: Collection[str]) -> frozenset[str]:
    """Those of the columns that are numbers of so many values that each would hold too few examples."""
    columns = [data[name] for name in names]
    return frozenset(c.name for c in columns if c.sort == "number" and c.distinct > _MOST_SEGMENTS and c.smallest < _FEWEST)


def _obstacle(name: str, data: Data, choices: Collection[str]) -> str | None:
    """Why a column that was not proposed cannot make segments; None when it can."""
    if name not in data.names:
        return unknown(name, [*choices, *(other for other in data.names if other not in choices)])
    column = data[name]
    if column.sort == "number" or (column.sort == "text" and column.distinct * _FEWEST <= data.rows):
        return None
    if column.sort != "text":
        return f"{name!r} holds neither texts nor numbers: it makes no segments"
    return (
        f"{name!r} has {column.distinct:,} values in {data.rows:,} rows, too many to judge each by itself; group them in a column of few "
        "values, or let the suite cut it by its length: {column: " + name + ", by: characters, quantiles: 4}"
    )


def _answers(column: Column, labels: set[str]) -> bool:
    return column.sort == "text" and 2 * len(labels & set(column.values)) > len(column.values)


def _makes_segments(column: Column) -> bool:
    return column.sort in ("text", "number") and 2 <= column.distinct <= _MOST_SEGMENTS and column.smallest >= _FEWEST

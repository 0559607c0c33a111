"""How many examples each segment will have that a suite is written for."""

from __future__ import annotations

from dataclasses import dataclass

from harness.cli.init.columns import Data
from harness.cli.init.roles import BINS

MISSING = "(missing)"


@dataclass(frozen=True)
class Part:
    """One segment; of equally filled bins the name says only that."""

    name: str
    size: int


def parts_of(data: Data, column: str, *, binned: bool) -> tuple[Part, ...]:
    """The segments that a column makes, the smallest first; what has no value is one too, and of too many to name only the rarest."""
    found = data[column]
    if binned:
        parts = even_bins(data.rows - found.missing, BINS)
    elif not found.values:
        parts = (Part("the rarest value", found.smallest),)
    else:
        parts = tuple(Part(value, size) for value, size in zip(found.values, found.counts, strict=True))
    missing = (Part(MISSING, found.missing),) if found.missing else ()
    return tuple(sorted((*parts, *missing), key=lambda part: part.size))


def even_bins(rows: int, bins: int) -> tuple[Part, ...]:
    """Bins of as many examples each."""
    return (Part(f"each of {bins} bins", rows // bins),) * bins


def merged(parts: tuple[Part, ...], fewest: int) -> tuple[Part, ...]:
    """The same when segments below `fewest` examples are put together as `(other)`."""
    small = sum(part.size for part in parts if part.size < fewest)
    kept = [part for part in parts if part.size >= fewest]
    return tuple(sorted([*kept, *([Part("(other)", small)] if small else [])], key=lambda part: part.size))

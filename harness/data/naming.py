"""How messages name rows and columns."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

SHOWN = 5
"""Rows or values a message lists before it only counts."""


def name_rows(rows: Sequence[int] | NDArray[np.integer]) -> str:
    """`row 3`, `rows 3, 8`, `rows 1, 2, 3, 4, 5 and 7 more`: 0-based `rows` as people count them, from 1."""
    shown = ", ".join(str(int(row) + 1) for row in rows[:SHOWN])
    more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more}"


def name_values(values: Sequence[str]) -> str:
    """`'a'`, `'a', 'b' and 3 more`; long values are cut."""
    shown = ", ".join(repr(value if len(value) <= 60 else value[:57] + "…") for value in values[:SHOWN])
    more = f" and {len(values) - SHOWN:,} more" if len(values) > SHOWN else ""
    return shown + more


def other_delimiter(header: str) -> str | None:
    """What to say of a csv file whose header, read as one field, shows that something else than a comma stands between fields."""
    found = next((delimiter for delimiter in (";", "\t", "|", ",") if delimiter in header), None)
    return None if found is None else f"fields seem to be separated by {found!r}; add delimiter: {json.dumps(found)}"


def unknown_column(column: str, columns: Iterable[str]) -> str:
    """`there is no column 'langauge'; did you mean 'language'?`."""
    known = list(columns)
    if len(known) == 1 and (other := other_delimiter(known[0])):
        return f"there is no column {column!r}; its one column is called {name_values(known)}: {other}"
    near = difflib.get_close_matches(column, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {name_values(known)}"
    return f"there is no column {column!r}; {hint}"

"""Names of columns in messages."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def nearest(name: str, known: Sequence[str]) -> str:
    """`did you mean …?`, or the first of the names there are."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    listed = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return f"did you mean {near[0]!r}?" if near else f"it has {listed}"

"""User strings made safe to print on one line.

Labels, ids and segment values come from data files: they may hold line breaks, terminal escape sequences or characters
that reverse the direction of the text around them.
"""

from __future__ import annotations

import re

# C0 and C1 controls, line and paragraph separators, lone surrogates, and the overrides and isolates of writing direction.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def one_line(text: str, limit: int = 200) -> str:
    """`text` without control characters, at most `limit` characters long; what is cut is marked by `…`."""
    flat = _UNSAFE.sub(" ", text).strip()
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def sentence(text: str, limit: int = 400) -> str:
    """One line without its final full stop, to be continued or quoted."""
    return one_line(text, limit).rstrip(".")

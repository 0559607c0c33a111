"""Names of items: they stand in terminals, JUnit files, caches and an environment variable, and are typed to select an item."""

from __future__ import annotations

import hashlib

LONGEST = 200
"""Characters of a name; pytest puts it into the environment of every process that a test starts."""


def node_name(name: str) -> str:
    """`name` itself when it is short and printable; else what can be shown of it, with the first digits of its hash.

    Segment values come from data: they may hold line breaks, terminal escapes or whole documents. The hash keeps two
    names apart that look the same when shown.
    """
    shown = "".join(character if character.isprintable() else _escaped(character) for character in name)
    if shown == name and len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    open_end = shown.removesuffix("]")
    return f"{open_end[:LONGEST]}…{digest}{']' if open_end != shown else ''}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")

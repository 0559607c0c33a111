"""A suite file and the files it extends, merged into one tree."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from harness.spec.compose import compose
from harness.spec.environment import Environment
from harness.spec.faults import Faults
from harness.spec.merge import Exclusive, merge
from harness.spec.tree import Items, Leaf, Place, Table

MAX_BYTES = 1_000_000
"""Size a suite file may have."""


def gather(path: Path, environ: Mapping[str, str], exclusive: Exclusive, faults: Faults) -> Table | None:
    """The whole suite as one table: `extends:` merged in, environment filled in. None when a file cannot be read as YAML."""
    merged = _extended(path, Place(str(path), 1, 1), environ, exclusive, faults, ())
    if merged is None:
        return None
    filled = Environment(environ, _announced(merged), faults).fill(merged)
    return filled if isinstance(filled, Table) else None


def _extended(
    path: Path, wanted: Place, environ: Mapping[str, str], exclusive: Exclusive, faults: Faults, open_files: tuple[Path, ...]
) -> Table | None:
    identity = Path(os.path.realpath(path))
    if identity in open_files:
        chain = " → ".join(file.name for file in (*open_files[open_files.index(identity) :], identity))
        faults.add(wanted, f"extends goes round in a circle: {chain}")
        return None
    text = _read(path, wanted, faults)
    table = None if text is None else compose(text, str(path), faults)
    if table is None or "extends" not in table:
        return table
    base = _base(table, environ, faults)
    if base is None:
        return None
    lower = _extended(Path(os.path.normpath(path.parent / base.text)), base.place, environ, exclusive, faults, (*open_files, identity))
    return None if lower is None else merge(lower, table.without("extends"), exclusive)


def _base(table: Table, environ: Mapping[str, str], faults: Faults) -> Leaf | None:
    written = table.entries["extends"].node
    before = len(faults)
    filled = Environment(environ, frozenset(), faults).fill(written)
    if len(faults) > before:
        return None
    if isinstance(filled, Leaf) and filled.text and not filled.blank:
        return filled
    faults.add(written.place, "extends names one YAML file, relative to this one")
    return None


def _read(path: Path, wanted: Place, faults: Faults) -> str | None:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            faults.add(wanted, f"{path} is larger than {MAX_BYTES:,} bytes; put long lists in files of their own")
            return None
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        faults.add(Place(str(path), line, column), "not UTF-8 text; save the file as UTF-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        faults.add(wanted, f"cannot read {path}: {reason}")
    return None


def _announced(table: Table) -> frozenset[str]:
    """Variables that `requires:` names as `env:NAME`: without them the suite is skipped, not wrong."""
    requires = table.get("requires")
    items = requires.items if isinstance(requires, Items) else ()
    return frozenset(item.text[4:] for item in items if isinstance(item, Leaf) and item.text.startswith("env:"))

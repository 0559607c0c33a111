"""Where commands print: answers to stdout, everything about the work itself to stderr."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NARROWEST = 80
WIDEST = 160
PIPED = 120
"""Columns of a table that does not go to a terminal."""


def say(text: str = "") -> None:
    """A line of the answer."""
    print(text)  # noqa: T201  # the command line speaks


def tell(text: str) -> None:
    """A line about the work: a warning, an error, where a report is."""
    sys.stdout.flush()
    print(text, file=sys.stderr)  # noqa: T201  # the command line speaks


def near(path: Path) -> Path:
    """A path as people write it: relative to the working folder when it lies there."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path


def width() -> int:
    """Columns a table may take."""
    if not sys.stdout.isatty():
        return PIPED
    return min(max(shutil.get_terminal_size((PIPED, 24)).columns, NARROWEST), WIDEST)


def colourful() -> bool:
    """Whether stdout is a terminal that may be coloured."""
    from rich.console import Console  # noqa: PLC0415  # it knows NO_COLOR and its relatives

    return Console(file=sys.stdout).color_system is not None


def draw(table: Any) -> None:
    """Print a `rich` renderable."""
    from rich.console import Console  # noqa: PLC0415  # only commands that draw pay for it

    console = Console(file=sys.stdout, width=width(), highlight=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(table)
    say("\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n"))


def plain_table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], title: str = "") -> Any:
    """A table of texts; columns after the first whose name starts with `>` are aligned to the right."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=Text(title) if title else None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(Text(name.removeprefix(">")), justify="right" if name.startswith(">") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table

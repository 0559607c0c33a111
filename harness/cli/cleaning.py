"""`harness clean`."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness import wiring
from harness.cli.console import draw, plain_table, say
from harness.core.units import format_bytes
from harness.errors import UsageError
from harness.store.files import FileStore
from harness.store.housekeeping import Area, StoredEntry

_AGE = re.compile(r"(\d+(?:\.\d+)?) ?(min|h|d|w)?")
_SECONDS = {"min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_FOR = {
    "evidence": "answers of models",
    "models": "candidates made by compress:",
    "data": "copies of data",
    "index": "sizes of segments",
    "corrupt": "damaged files set aside",
}


def clean_project(older_than: str | None, *, everything: bool, dry_run: bool, listed: bool) -> None:
    """Show or free what lies in the project's `.harness/`."""
    if everything and older_than is not None:
        raise UsageError("--all and --older-than exclude each other; give one of them")
    age = None if older_than is None else parse_age(older_than)
    cache = wiring.find_project(Path.cwd() / "suites" / "any.yaml", Path.cwd()).cache
    store = FileStore(cache)
    if listed:
        _list(store.entries())
    elif not everything and age is None:
        _show(store.usage(), cache)
    else:
        done = store.clean(everything=everything, older_than=age, dry_run=dry_run)
        busy = f"; {done.busy:,} items are in use by another process and were left" if done.busy else ""
        say(f"{'would free' if dry_run else 'freed'} {format_bytes(done.bytes)} in {done.items:,} items of {cache}{busy}")


def parse_age(text: str) -> float:
    """`30d` or `30`, `12h`, `90min`, `2w` in seconds; `UsageError` for anything else."""
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is not an age; write for instance 30d, 12h or 90min")
    return float(found[1]) * _SECONDS[found[2] or "d"]


def _show(areas: Sequence[Area], cache: Path) -> None:
    rows = [(area.name, _FOR.get(area.name, ""), f"{area.items:,}", format_bytes(area.bytes)) for area in areas]
    rows.append(("together", "", f"{sum(area.items for area in areas):,}", format_bytes(sum(area.bytes for area in areas))))
    draw(plain_table(("area", "holds", ">items", ">size"), rows, str(cache)))
    say("free it with --older-than 30d or --all; --list shows the evidence")


def _list(entries: Sequence[StoredEntry]) -> None:
    if not entries:
        say("no evidence is stored")
        return
    rows = [
        (
            entry.digest[:12],
            entry.description,
            f"{entry.rows:,}" + ("" if entry.complete else " (unfinished)"),
            format_bytes(entry.bytes),
            datetime.fromtimestamp(entry.used, UTC).strftime("%Y-%m-%d %H:%M"),
            f"{(time.time() - entry.used) / 86_400:.0f} d",
        )
        for entry in entries
    ]
    draw(plain_table(("key", "evidence", ">rows", ">size", "last used (UTC)", ">ago"), rows))

"""Looking at and tidying up the harness's folder: evidence, made models, copies of data, indexes."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from harness.errors import UsageError
from harness.store.atomic import MAKING, store_errors

AREAS = ("evidence", "models", "data", "index", "corrupt")
"""Folders under the harness's own."""


_RECORD, _STEPS = "artifact.json", ".steps"
"""In a made folder: what says that it is whole. Among the candidates of a suite: where results of single steps are kept."""


@dataclass(frozen=True)
class Area:
    """How much lies in one area: `items` are pieces of evidence, models, copies or indexes."""

    name: str
    items: int
    bytes: int


@dataclass(frozen=True)
class StoredEntry:
    """One piece of evidence as `harness clean --list` shows it; `begun` and `used` are seconds since the epoch."""

    digest: str
    model: str
    data: str
    condition: str
    description: str
    rows: int
    complete: bool
    bytes: int
    begun: float
    used: float


@dataclass(frozen=True)
class Cleaned:
    """What a cleaning removed; `busy` items were being written by another process and were left."""

    items: int
    bytes: int
    busy: int = 0


@dataclass(frozen=True)
class _Item:
    """What is removed together: the first path is what counts, `locks` are held by whoever writes or reads it."""

    name: str
    paths: tuple[Path, ...]
    used: float
    locks: tuple[Path, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(_size(path) for path in self.paths)


def measure(root: Path) -> tuple[Area, ...]:
    """Items and bytes of every area."""
    found = [(name, _items(root, name)) for name in AREAS]
    return tuple(Area(name, len(items), sum(item.bytes for item in items)) for name, items in found)


def stored_entries(root: Path) -> tuple[StoredEntry, ...]:
    """Every piece of evidence whose `key.json` can be read, last used first."""
    entries = [entry for item in _items(root, "evidence") if (entry := _entry(item)) is not None]
    return tuple(sorted(entries, key=lambda entry: -entry.used))


def clean(
    root: Path, *, everything: bool, older_than: float | None, keys: Collection[str], areas: Collection[str], dry_run: bool = False
) -> Cleaned:
    """Remove the chosen items, or with `dry_run` only count them; `UsageError` when nothing is chosen or a key fits no evidence."""
    unknown = sorted(set(areas) - set(AREAS))
    if unknown:
        raise UsageError(f"there is no area {unknown[0]!r} to clean; known: {', '.join(AREAS)}")
    chosen = _chooser(everything, older_than, keys)
    items = [item for area in (("evidence",) if keys else areas) for item in _items(root, area) if chosen(item)]
    for key in keys:
        if not any(item.name.startswith(key) for item in items):
            raise UsageError(f"no evidence has a key that starts with {key!r}; harness clean --list shows them")
    removed = [(item.bytes, dry_run or _remove(item)) for item in items]
    return Cleaned(sum(done for _, done in removed), sum(size for size, done in removed if done), sum(not done for _, done in removed))


def _chooser(everything: bool, older_than: float | None, keys: Collection[str]) -> Callable[[_Item], bool]:
    if keys:
        return lambda item: any(item.name.startswith(key) for key in keys)
    if everything:
        return lambda _: True
    if older_than is None:
        raise UsageError("say what to clean: everything, what is older than some time, or keys")
    before = time.time() - older_than
    return lambda item: item.used < before


def _items(root: Path, area: str) -> list[_Item]:
    folder = root / area
    if not folder.is_dir():
        return []
    children = sorted(folder.iterdir())
    match area:
        case "evidence":
            return [
                _Item(path.name, (path,), _used(path / "key.json", path), (Path(f"{path}.lock"),)) for path in children if path.is_dir()
            ]
        case "data":
            copies = [path for path in children if path.suffix == ".parquet"]
            whole = [_Item(path.stem, (path, path.with_suffix(".json")), _used(path), (path.with_suffix(".lock"),)) for path in copies]
            return whole + [_unfinished(path) for path in children if path.suffix == MAKING]
        case "index":
            return [_Item(path.stem, (path,), _used(path)) for path in children if path.suffix == ".json"]
        case "models":
            return _made(folder)
        case _:
            return [_Item(path.name, (path,), _used(path)) for path in children]


def _unfinished(path: Path) -> _Item:
    """A copy `<key>.<process>.making`: being made, or left by a process that died."""
    return _Item(path.name, (path,), _used(path), (path.with_name(f"{path.name.partition('.')[0]}.lock"),))


def _made(folder: Path) -> list[_Item]:
    """Every made folder, `<suite>/<candidate>/<key>`, on its own: finding one touches its record; and what a dead process left."""
    found = [record.parent for record in sorted(folder.rglob(_RECORD)) if not record.parent.name.endswith(MAKING)]
    left = [path for path in sorted(folder.rglob(f".*{MAKING}")) if path.is_dir()]
    return [
        *(_Item(path.name, (path,), _used(path / _RECORD), (_lock(path), *_readers(path))) for path in found),
        *(_Item(path.name, (path,), _used(path), (_lock(path),)) for path in left),
    ]


def _lock(path: Path) -> Path:
    return path.with_name(f"{path.name.removeprefix('.').removesuffix(MAKING)}.lock")


def _readers(path: Path) -> list[Path]:
    """Locks of the candidates that may be made of a step's result just now: all of the suite."""
    return sorted(path.parent.parent.glob("[!.]*/*.lock")) if path.parent.name == _STEPS else []


def _entry(item: _Item) -> StoredEntry | None:
    path = item.paths[0]
    try:
        about = json.loads((path / "key.json").read_bytes())
        return StoredEntry(
            digest=item.name,
            model=str(about["model"]),
            data=str(about["data"]),
            condition=str(about["condition"]),
            description=str(about["description"]),
            rows=sum(int(part.name.split("-")[2]) for part in path.glob("part-*-*-*.parquet")),
            complete=(path / "complete.json").exists() or (path / "facts.json").exists(),
            bytes=item.bytes,
            begun=float(about["begun"]),
            used=item.used,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remove(item: _Item) -> bool:
    with store_errors("remove", item.paths[0]):
        try:
            with _free(item.locks):
                for path in item.paths:
                    _delete(path)
        except Timeout:
            return False
    return True


@contextmanager
def _free(locks: tuple[Path, ...]) -> Iterator[None]:
    with ExitStack() as held:
        for lock in locks:
            held.enter_context(FileLock(lock, timeout=0))
        yield


def _delete(path: Path) -> None:
    if path.is_dir():
        for record in ("complete.json", _RECORD):
            (path / record).unlink(missing_ok=True)  # first, so that half of it never looks whole
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return sum(child.stat().st_size for child in path.rglob("*") if child.is_file()) if path.is_dir() else path.stat().st_size
    except OSError:
        return 0  # it was removed under our eyes


def _used(*paths: Path) -> float:
    for path in paths:
        try:
            return path.stat().st_mtime
        except OSError:
            continue
    return 0.0

"""A folder that is made once, whole or not at all, and found again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from harness.errors import StoreError

RECORD = "artifact.json"

Record = Mapping[str, Any]


def made_folder(folder: Path, build: Callable[[Path], Record]) -> Record:
    """The record of `folder`, after `build` filled it if it was not there or not intact.

    `build` writes files into an empty folder and returns what to say about them; sizes and hashes of the files are
    added. Processes that want the same folder at once wait for the one that makes it. A folder whose files are not what
    its record says is made again. `StoreError` when the disk refuses.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f"{folder.name}.lock"):
            found = intact(folder)
            return found if found is not None else _made(folder, build)
    except OSError as error:
        raise StoreError(f"cannot write {folder}: {error.strerror or error}; free some space or choose another place") from error


def intact(folder: Path) -> Record | None:
    """The record of a folder whose files are all there and unchanged, else None. Notes that it was used, for `harness clean`."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        files = record["files"]
        same = all(file_hash(folder / name) == facts["sha256"] for name, facts in files.items())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not same or not isinstance(record, dict):
        return None
    with suppress(OSError):  # where nothing may be written, nothing is cleaned up either
        os.utime(folder / RECORD)
    return record


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def model_files(folder: Path) -> list[Path]:
    """Files that belong to the model in a made folder: all but what is told about it."""
    return sorted(path for path in folder.iterdir() if path.is_file() and path.suffix != ".json")


def link_or_copy(source: Path, target: Path) -> None:
    """The same file in a second place, without a second copy where the file system can do that."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _made(folder: Path, build: Callable[[Path], Record]) -> Record:
    building = folder.parent / f".{folder.name}.making"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    try:
        record = {**build(building), "files": _facts(building)}
        text = json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        (building / RECORD).write_text(text, encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        building.replace(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    found: Record = json.loads(text)
    return found


def _facts(folder: Path) -> dict[str, dict[str, object]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": file_hash(path)} for path in files}

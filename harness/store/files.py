"""The evidence store in a folder."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from harness.arrays.outputs import Outputs
from harness.core.models import OutputSpec
from harness.errors import StoreError
from harness.ports.store import EvidenceKey
from harness.store.atomic import store_errors
from harness.store.entry import FileEntry
from harness.store.folder import EvidenceFolder, key_digest
from harness.store.housekeeping import AREAS, Area, Cleaned, StoredEntry, clean, measure, stored_entries
from harness.store.loading import load_outputs


class FileStore:
    """Evidence under `<root>/evidence/`, one folder per key; damaged files go to `<root>/corrupt/`.

    Any number of processes may share it: a lock per key lets one write while the others wait, and a process that dies
    gives its locks up.
    """

    def __init__(self, root: Path) -> None:
        """`root` is the harness's own folder (`.harness`); it is made when something is first written."""
        self.root = root

    @contextmanager
    def open(self, key: EvidenceKey, *, fresh_since: float | None = None) -> Iterator[FileEntry]:
        """The entry of `key`, once no other process writes it; what was appended is on disk when the block is left.

        With `fresh_since` (seconds since the epoch) evidence begun before that moment is thrown away.
        """
        folder = self._folder(key)
        with self._locked(folder):
            begun = folder.begun()
            # What seems to have been begun in the future was begun before the clock was set back.
            if fresh_since is not None and begun is not None and not fresh_since <= begun <= time.time():
                folder.clear()
            folder.begin(key)
            with store_errors("read evidence in", folder.path):
                entry = FileEntry(folder)
            try:
                yield entry
            except BaseException:
                with contextlib.suppress(StoreError):
                    entry.flush()
                raise
            entry.flush()

    def load(self, key: EvidenceKey, output: OutputSpec) -> Outputs | None:
        """Complete evidence of `key`, None when there is none (or it was damaged: then set aside, with a warning)."""
        folder = self._folder(key)
        found = self._load(folder, output)
        if found is None and folder.complete_rows() is not None:
            with self._locked(folder), store_errors("read evidence in", folder.path):
                folder.repair()
            found = self._load(folder, output)
        return found

    def _load(self, folder: EvidenceFolder, output: OutputSpec) -> Outputs | None:
        rows = folder.complete_rows()
        if rows is None:
            return None
        with store_errors("read evidence in", folder.path):
            found = load_outputs(folder, rows, output)
        with contextlib.suppress(OSError):
            folder.touch()
        return found

    def load_facts(self, key: EvidenceKey) -> Mapping[str, object] | None:
        """A small JSON record stored under `key`, None when there is none or it cannot be read."""
        folder = self._folder(key)
        try:
            facts = folder.read_json("facts.json")
        except (OSError, ValueError):
            return None
        with contextlib.suppress(OSError):
            folder.touch()
        return facts if isinstance(facts, dict) else None

    def save_facts(self, key: EvidenceKey, facts: Mapping[str, object]) -> None:
        """Store a small JSON record under `key`, in place of what was there."""
        try:
            json.dumps(facts, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise StoreError(f"facts about {key.description or key.condition} cannot be stored as JSON: {error}") from error
        folder = self._folder(key)
        with self._locked(folder):
            folder.begin(key)
            folder.write_json("facts.json", facts)

    def entries(self) -> tuple[StoredEntry, ...]:
        """Every piece of evidence, last used first."""
        return stored_entries(self.root)

    def usage(self) -> tuple[Area, ...]:
        """What lies in the harness's folder, by area."""
        return measure(self.root)

    def clean(
        self,
        *,
        everything: bool = False,
        older_than: float | None = None,
        keys: Collection[str] = (),
        areas: Collection[str] = AREAS,
        dry_run: bool = False,
    ) -> Cleaned:
        """Remove what was not used for `older_than` seconds, the evidence of `keys` (first digits do), or everything in `areas`.

        With `dry_run` nothing is removed, and the answer says what would be.
        """
        return clean(self.root, everything=everything, older_than=older_than, keys=keys, areas=areas, dry_run=dry_run)

    def _folder(self, key: EvidenceKey) -> EvidenceFolder:
        return EvidenceFolder(self.root / "evidence" / key_digest(key), self.root / "corrupt")

    @contextmanager
    def _locked(self, folder: EvidenceFolder) -> Iterator[None]:
        with store_errors("write evidence to", folder.path):
            folder.path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(f"{folder.path}.lock")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

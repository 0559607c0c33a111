"""The folder of one piece of evidence: what lies in it, and what of it can be trusted."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.ports.store import EvidenceKey
from harness.store.atomic import MAKING, store_errors, write_file
from harness.store.warnings import EvidenceWarning

_NAME = re.compile(r"part-(\d+)-(\d+)-([0-9a-f]+)\.parquet")


def key_digest(key: EvidenceKey) -> str:
    """SHA-256 of what the evidence is about; the description is not part of it."""
    return hashlib.sha256(json.dumps([key.model, key.data, key.condition]).encode()).hexdigest()


def content_digest(content: bytes) -> str:
    """BLAKE2b of the bytes of a part, 32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


@dataclass(frozen=True)
class PartFile:
    """A part by its name: rows `first` … `first + rows` of the data set, and the digest its bytes must have."""

    path: Path
    first: int
    rows: int
    digest: str

    def read(self) -> bytes | None:
        """Its bytes, None when they are not those that were written."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        return content if content_digest(content) == self.digest else None


class EvidenceFolder:
    """Files of one key: `key.json`, parts, `complete.json`, `facts.json`."""

    def __init__(self, path: Path, aside: Path) -> None:
        self.path = path
        self._aside = aside
        self._warned = False

    def begin(self, key: EvidenceKey) -> None:
        """Make the folder, when it is not there, and say in it what it is about and since when."""
        with store_errors("write evidence to", self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        if self.begun() is None:
            self.write_json("key.json", {**asdict(key), "begun": time.time()})

    def begun(self) -> float | None:
        """Seconds since the epoch when it was begun, None when it was not."""
        try:
            return float(self.read_json("key.json")["begun"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def touch(self) -> None:
        """Note that it was used."""
        os.utime(self.path / "key.json")

    def clear(self) -> None:
        """Remove everything in it."""
        with store_errors("remove evidence in", self.path):
            (self.path / "complete.json").unlink(missing_ok=True)
            if self.path.exists():
                shutil.rmtree(self.path)

    def parts(self) -> list[PartFile]:
        """All parts, by first row."""
        with store_errors("read evidence in", self.path):
            names = [child.name for child in self.path.iterdir()] if self.path.is_dir() else []
        found = [match for name in names if (match := _NAME.fullmatch(name))]
        files = [PartFile(self.path / match[0], int(match[1]), int(match[2]), match[3]) for match in found]
        return sorted(files, key=lambda part: part.first)

    def complete_rows(self) -> int | None:
        """How many rows the complete evidence has, None when it is not complete."""
        try:
            return int(self.read_json("complete.json")["rows"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def repair(self) -> int:
        """Keep the sound parts from the first row on, set damaged ones aside, and return the number of rows kept.

        Call it with the lock held. What lies behind a gap is removed: gathering goes on from the gap.
        """
        rows = 0
        whole = self.complete_rows()
        for left in self.path.glob(f"*{MAKING}"):
            left.unlink(missing_ok=True)
        for part in self.parts():
            if part.first == rows and part.read() is not None:
                rows += part.rows
            elif part.first == rows:
                self._set_aside(part.path, f"rows {part.first + 1:,} to {part.first + part.rows:,} are damaged")
            else:
                part.path.unlink(missing_ok=True)
        if (self.path / "complete.json").exists() and rows != whole:
            if whole is not None and not self._warned:
                self._warn(f"{whole - rows:,} of {whole:,} rows are gone")
            (self.path / "complete.json").unlink()
        return rows

    def _set_aside(self, path: Path, what: str) -> None:
        with store_errors("set damaged evidence aside in", self._aside):
            self._aside.mkdir(parents=True, exist_ok=True)
            os.replace(path, self._aside / f"{self.path.name[:16]}-{path.name}")
        self._warn(f"{what}; the file was moved to {self._aside}")

    def _warn(self, what: str) -> None:
        self._warned = True
        warnings.warn(f"stored evidence ({self.description()}): {what}; it is gathered again", EvidenceWarning, stacklevel=2)

    def description(self) -> str:
        """What `key.json` says it is about, for people."""
        try:
            return str(self.read_json("key.json")["description"]) or self.path.name[:16]
        except (OSError, ValueError, KeyError, TypeError):
            return self.path.name[:16]

    def read_json(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder."""
        record: dict[str, Any] = json.loads((self.path / name).read_bytes())
        return record

    def write_json(self, name: str, record: Mapping[str, object]) -> None:
        """Write a JSON file of the folder, whole or not at all."""
        write_file(self.path / name, json.dumps(record, indent=1).encode())

"""Where evidence is kept."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from harness.arrays.outputs import Outputs
from harness.core.models import OutputSpec
from harness.ports.model import Chunk


@dataclass(frozen=True)
class EvidenceKey:
    """What evidence is about. Equal keys mean equal observations; `description` is for people and not part of it.

    `model` and `data` are content hashes; `condition` is how the examples were presented (`clean`).
    """

    model: str
    data: str
    condition: str
    description: str = ""


class Entry(Protocol):
    """One piece of evidence, locked for writing by this process."""

    @property
    def complete(self) -> bool:
        """Whether all of it is there (another process may have gathered it while this one waited for the lock)."""

    @property
    def rows(self) -> int:
        """Rows already stored; gathering resumes there."""

    def append(self, chunk: Chunk) -> None:
        """Store the next chunk, whole or not at all."""

    def finish(self, environment: Mapping[str, str]) -> None:
        """Mark it complete."""


class EvidenceStore(Protocol):
    """Content-addressed, shared between processes, never half-written."""

    def open(self, key: EvidenceKey, *, fresh_since: float | None = None) -> AbstractContextManager[Entry]:
        """The entry of `key`, once no other process writes it.

        With `fresh_since` (seconds since the epoch) evidence begun before that moment is thrown away; what another
        process of the same run gathered since then is kept.
        """

    def load(self, key: EvidenceKey, output: OutputSpec) -> Outputs | None:
        """Complete evidence of `key`, None when there is none (or it was corrupt: then set aside, with a warning)."""

    def load_facts(self, key: EvidenceKey) -> Mapping[str, object] | None:
        """A small JSON record stored under `key` (footprints), None when there is none."""

    def save_facts(self, key: EvidenceKey, facts: Mapping[str, object]) -> None:
        """Store a small JSON record under `key`."""

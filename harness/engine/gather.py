"""Running models: the one place where it happens, each (model, data, condition) once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harness.arrays.footprint import Footprint, Weights
from harness.arrays.outputs import Outputs
from harness.core.models import ModelSpec, OutputSpec, Task
from harness.engine.tools import Options, Tools
from harness.errors import StoreError
from harness.ports.data import Dataset
from harness.ports.store import EvidenceKey

NOISE_ROWS = 2_000
"""The original is set against itself on at most this many examples."""


class Gatherer:
    """Evidence for one suite: from the store when it is there, by running the model when it is not."""

    def __init__(self, suite: str, root: Path, tools: Tools, options: Options) -> None:
        self.suite = suite
        self.root = root
        self.tools = tools
        self.options = options
        self.model_calls = 0
        self.fingerprints: dict[str, str] = {}

    def outputs(self, model: ModelSpec, dataset: Dataset) -> Outputs:
        """The model's answers to the whole data set. Raises `ModelError` when it cannot run at all."""
        return self._observe(model, dataset, "clean", len(dataset), None)

    def noise(self, model: ModelSpec, dataset: Dataset) -> Outputs:
        """The model's answers to the first rows under another batch size: what moves although nothing changed."""
        rows = min(NOISE_ROWS, len(dataset))
        other = 7 if model.batch_size != 7 else 5
        return self._observe(model, dataset, f"repeat:batch={other},rows={rows}", rows, other)

    def footprint(self, model: ModelSpec, dataset: Dataset) -> Footprint:
        """The model's weight, measured once; a second process waits for the first and reads what it found."""
        store, facts = self.tools.store, self._key(model, dataset, "footprint")
        stored = store.load_facts(facts) if self.options.fresh_since is None else None
        if stored is not None:
            return _footprint(stored)
        self._require_gathering(model, "footprint")
        with store.open(self._key(model, dataset, "footprint, being measured"), fresh_since=self.options.fresh_since) as entry:
            stored = store.load_facts(facts) if entry.complete else None
            if stored is None:
                measured = self.tools.observer.footprint(model, self.root, dataset)
                store.save_facts(facts, asdict(measured))
                entry.finish(self.tools.environment())
                return measured
        return _footprint(stored)

    def fingerprint(self, model: ModelSpec) -> str:
        """Content hash of what decides the model's answers; one of this run only for models that must not be reused."""
        if model.name not in self.fingerprints:
            found = self.tools.observer.fingerprint(model, self.root)
            self.fingerprints[model.name] = found if found is not None else f"unversioned:{self.options.run_id}:{model.name}"
        return self.fingerprints[model.name]

    def key(self, model: ModelSpec, dataset: Dataset, condition: str) -> EvidenceKey:
        """Under which the model's answers are kept; they are stored as codes of labels, which may come from the data."""
        spec = self.tools.observer.output(model, self.root, dataset)
        return replace(self._key(model, dataset, condition), data=_data_of_answers(dataset, spec))

    def _key(self, model: ModelSpec, dataset: Dataset, condition: str) -> EvidenceKey:
        return EvidenceKey(
            self.fingerprint(model), dataset.fingerprint, condition, f"{self.suite}: {model.name} on {dataset.name}, {condition}"
        )

    def _observe(self, model: ModelSpec, dataset: Dataset, condition: str, rows: int, batch_size: int | None) -> Outputs:
        spec = self.tools.observer.output(model, self.root, dataset)
        key = self.key(model, dataset, condition)
        store = self.tools.store
        loaded = store.load(key, spec) if self.options.fresh_since is None else None
        if loaded is not None:
            return loaded
        self._require_gathering(model, condition)
        with store.open(key, fresh_since=self.options.fresh_since) as entry:
            if not entry.complete:
                self._run(model, dataset, entry, rows, batch_size, f"{model.name} ({condition.partition(':')[0]})")
                entry.finish(self.tools.environment())
        loaded = store.load(key, spec)
        if loaded is None:
            raise StoreError(
                f"the evidence of {key.description} was written and cannot be read back; look at the disk, then run with --fresh"
            )
        return loaded

    def _run(self, model: ModelSpec, dataset: Dataset, entry: Any, rows: int, batch_size: int | None, what: str) -> None:
        progress = self.tools.progress
        start = entry.rows
        progress.start(what, rows)
        progress.advance(what, start)
        try:
            chunks = self.tools.observer.observe(model, self.root, dataset, start=start, batch_size=batch_size)
            try:
                for chunk in chunks:
                    chunk = chunk if chunk.start + len(chunk.status) <= rows else _head(chunk, rows - chunk.start)
                    entry.append(chunk)
                    self.model_calls += len(chunk.status)
                    progress.advance(what, len(chunk.status))
                    if chunk.start + len(chunk.status) >= rows:
                        break
            finally:
                close = getattr(chunks, "close", None)
                if close is not None:
                    close()
        finally:
            progress.finish(what)

    def _require_gathering(self, model: ModelSpec, condition: str) -> None:
        if not self.options.gather:
            raise StoreError(f"no evidence of {model.name} ({condition}) is stored; run: harness run")


def _data_of_answers(dataset: Dataset, spec: OutputSpec) -> str:
    """Content hash of the rows and of whatever else of the data decides how answers are stored.

    Not the whole target: where labels are declared, a model need not run again because another column is the truth.
    """
    # Of tokens, what is stored are log-probabilities of the true ones.
    truth = dataset.target_column if spec.task is Task.TOKENS else None
    return hashlib.sha256(json.dumps([dataset.fingerprint, spec.labels, truth]).encode()).hexdigest()


def _head(chunk: Any, rows: int) -> Any:
    """The first `rows` rows of a chunk."""
    if chunk.offsets is not None:
        end = int(chunk.offsets[rows])
        logs = None if chunk.token_log_probs is None else chunk.token_log_probs[:end]
        return replace(
            chunk, values=chunk.values[:end], status=chunk.status[:rows], offsets=chunk.offsets[: rows + 1], token_log_probs=logs
        )
    return replace(chunk, values=chunk.values[:rows], status=chunk.status[:rows])


def _footprint(facts: Mapping[str, Any]) -> Footprint:
    weights = facts.get("weights")
    return Footprint(**{**facts, "weights": Weights(**weights) if weights else None})

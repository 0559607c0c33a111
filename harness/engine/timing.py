"""Timings of one suite: from the store when they were measured on this machine, by timing the models when not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.arrays.timing import Latency, Nanoseconds, Starts, TimedSize, Timings
from harness.core.models import ModelSpec
from harness.core.timing import InputSize, TimingPlan
from harness.engine.gather import Gatherer
from harness.errors import MeasurementError, ModelError, StoreError
from harness.ports.benchmarks import Benchmark
from harness.ports.data import Dataset
from harness.ports.store import EvidenceKey
from harness.ports.timing import Pace

PROTOCOL = 2
"""Part of every key: timings of another way of measuring are not reused."""


class Clock:
    """Times the models of one check on its data."""

    def __init__(self, gatherer: Gatherer, dataset: Dataset, plan: TimingPlan, check: str) -> None:
        self.gatherer = gatherer
        self.dataset = dataset
        self.plan = plan
        self.check = check
        self._measured: list[Benchmark] = []

    def latency(self, original: ModelSpec, candidate: ModelSpec, *, without_original: bool = False) -> Latency:
        """Everything about one candidate: side by side with the original where that can be, else alone or as recorded."""
        timer = self.gatherer.tools.timer
        if timer.is_recorded(candidate):
            return self._recorded(original, candidate)
        unpaired = "the original is away, of which only the outcomes are stored" if without_original else ""
        if timer.is_recorded(original):
            unpaired = f"{original.name} is a recording, which cannot be timed side by side with the candidate"
        paired = not unpaired
        try:
            sizes = tuple(self._size(original if paired else None, candidate, size) for size in self.plan.sizes)
        finally:
            self._log()
        before, after = self._starts(original, candidate) if paired else (None, self._starts(candidate)[0])
        return Latency(sizes, before, after, unpaired)

    def noise(self, original: ModelSpec, size: InputSize) -> Timings | None:
        """The original against itself; None when it was not measured and nothing may be."""
        try:
            return self._timings((original, original), size, noise=True)
        except StoreError:
            if self.gatherer.options.gather:
                raise
            return None
        except ModelError as error:
            raise MeasurementError(f"the original cannot be timed: {error}") from error

    def _size(self, original: ModelSpec | None, candidate: ModelSpec, size: InputSize) -> TimedSize:
        if original is None:
            return TimedSize(size, self._timings((candidate,), size))
        noise = self.noise(original, size)
        return TimedSize(size, self._timings((original, candidate), size), noise)

    def _timings(self, models: Sequence[ModelSpec], size: InputSize, *, noise: bool = False) -> Timings:
        plan = self.plan
        calls = plan.calls if plan.calls is not None else f"auto from {plan.fewest_calls}"
        what = "latency of itself" if noise else "latency"
        key = self._key(models, f"{what}: {size}, rounds={plan.rounds}, calls={calls}")
        return _timings(self._once(key, models, lambda: self._measure(key, models, size, log=not noise)))

    def _starts(self, *models: ModelSpec) -> tuple[Starts | None, ...]:
        """From fresh processes, in turn; None for each when the plan wants none."""
        if not self.plan.starts:
            return tuple(None for _ in models)
        size = self.plan.sizes[0]
        key = self._key(models, f"starts: {size}, processes={self.plan.starts}")
        facts = self._once(key, models, lambda: self._measure_starts(models, size))
        return tuple(Starts(np.array(found["cold"]), np.array(found["load"])) for found in facts["models"])

    def _recorded(self, original: ModelSpec, candidate: ModelSpec) -> Latency:
        """Durations from beside the recorded outputs, as one round in which nothing stands beside anything."""
        gatherer = self.gatherer
        timer, unpaired = gatherer.tools.timer, f"{candidate.name} is a recording; recorded durations were not measured side by side"
        found = timer.recorded(candidate, gatherer.root, self.dataset)
        if found is None:
            return Latency((), None, None, unpaired, recorded=True)
        other = timer.recorded(original, gatherer.root, self.dataset) if timer.is_recorded(original) else None
        timings = Timings(_as_one_round(found), None if other is None else _as_one_round(other))
        return Latency((TimedSize(InputSize(), timings),), None, None, unpaired, recorded=True)

    def _once(self, key: EvidenceKey, models: Sequence[ModelSpec], measure: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """What is stored under `key`, or measured now; a second process waits for the first and reads what it found."""
        gatherer = self.gatherer
        store, fresh_since = gatherer.tools.store, gatherer.options.fresh_since
        stored = store.load_facts(key) if fresh_since is None else None
        if stored is not None:
            return stored
        if not gatherer.options.gather:
            raise StoreError(f"no timings of {models[-1].name} on this machine are stored; run: harness run")
        lock = EvidenceKey(key.model, key.data, f"{key.condition}, being measured", key.description)
        with store.open(lock, fresh_since=fresh_since) as entry:
            stored = store.load_facts(key) if entry.complete else None
            if stored is None:
                stored = measure()
                store.save_facts(key, stored)
                entry.finish(gatherer.tools.environment())
        return stored

    def _measure(self, key: EvidenceKey, models: Sequence[ModelSpec], size: InputSize, *, log: bool) -> Mapping[str, Any]:
        gatherer, plan = self.gatherer, self.plan
        tools, what = gatherer.tools, f"timing {' and '.join(dict.fromkeys(model.name for model in models))}, {size}"
        pace = Pace(plan.rounds, plan.calls, plan.fewest_calls, _seed(key))
        tools.progress.start(what, plan.rounds)
        rounds = []
        try:
            with closing(tools.timer.rounds(models, gatherer.root, self.dataset, size, pace)) as measured:
                for found in measured:
                    rounds.append(found)
                    tools.progress.advance(what, 1)
        finally:
            tools.progress.finish(what)
        facts = {
            "models": [[found.durations[index].tolist() for found in rounds] for index in range(len(models))],
            "first": [found.first for found in rounds],
        }
        if log:
            self._measured += self._benchmarks(models, size, _timings(facts))
        return facts

    def _measure_starts(self, models: Sequence[ModelSpec], size: InputSize) -> Mapping[str, Any]:
        tools, what = self.gatherer.tools, f"starting {' and '.join(model.name for model in models)}"
        tools.progress.start(what, self.plan.starts)
        found: list[list[tuple[float, float]]] = [[] for _ in models]
        try:
            for number in range(self.plan.starts):
                order = range(len(models)) if number % 2 == 0 else reversed(range(len(models)))
                for index in order:
                    found[index].append(tools.timer.start(models[index], self.gatherer.root, self.dataset, size))
                tools.progress.advance(what, 1)
        finally:
            tools.progress.finish(what)
        return {"models": [{"cold": [cold for cold, _ in pairs], "load": [load for _, load in pairs]} for pairs in found]}

    def _log(self) -> None:
        """Hand on what was really measured now, whatever became of the rest."""
        if self._measured:
            self.gatherer.tools.benchmarks.write(self._measured)
            self._measured = []

    def _key(self, models: Sequence[ModelSpec], condition: str) -> EvidenceKey:
        facts = self.gatherer.tools.environment()
        machine = ", ".join(f"{name}={facts[name]}" for name in ("processor", "cores", "gpu") if name in facts)
        prints = "+".join(self.gatherer.fingerprint(model) for model in models)
        names = " and ".join(model.name for model in models)
        # Not every kind of model counts its threads among what decides its answers; its speed they always decide.
        threads = "+".join(str(getattr(model.parameters, "threads", 1)) for model in models)
        full = f"{condition}, protocol={PROTOCOL}, threads={threads}, {machine}"
        return EvidenceKey(prints, self.dataset.fingerprint, full, f"{self.gatherer.suite}: {names} on {self.dataset.name}, {condition}")

    def _benchmarks(self, models: Sequence[ModelSpec], size: InputSize, timings: Timings) -> list[Benchmark]:
        suite, candidate = self.gatherer.suite, models[-1].name
        pooled = {candidate: timings.pooled("candidate"), models[0].name: timings.pooled("original" if len(models) > 1 else "candidate")}
        facts: dict[str, str | int | float] = {
            "suite": suite,
            "candidate": candidate,
            "data": self.dataset.name,
            "size": str(size),
            "rounds": len(timings.candidate),
        }
        return [
            Benchmark(
                group=f"{suite}: {candidate}, {size}",
                name=f"{name}[{size}]",
                fullname=f"{suite}::{candidate}::{self.check}::{name}[{size}]",
                seconds=samples.ravel() / 1e9,
                facts={**facts, "model": name},
            )
            for name, samples in pooled.items()
            if samples is not None
        ]


def _seed(key: EvidenceKey) -> int:
    digest = hashlib.sha256(json.dumps([key.model, key.data, key.condition]).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def _timings(facts: Mapping[str, Any]) -> Timings:
    models = [np.array(samples, np.int64) for samples in facts["models"]]
    return Timings(models[-1], models[0] if len(models) > 1 else None, tuple(facts["first"]))


def _as_one_round(seconds: NDArray[np.float64]) -> Nanoseconds:
    return np.round(seconds * 1e9).astype(np.int64).reshape(1, 1, -1)

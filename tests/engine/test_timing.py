"""Timings are measured once per pair of models, data, machine and protocol, and the original against itself once for all."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.core.models import ModelSpec
from harness.core.timing import InputSize, TimingPlan
from harness.engine.gather import Gatherer
from harness.engine.timing import Clock
from harness.engine.tools import Options, Tools
from harness.errors import MeasurementError, ModelError, StoreError
from harness.models.parameters import OnnxParameters
from harness.ports.benchmarks import Benchmark
from harness.ports.timing import Pace, Round, Rounds
from harness.store.files import FileStore

PLAN = TimingPlan((InputSize(1), InputSize(8)), rounds=5, calls=None, fewest_calls=3)
DATA: Any = SimpleNamespace(name="test", fingerprint="data")


def model(name: str, threads: int = 1, kind: str = "onnx") -> ModelSpec:
    return ModelSpec(name, kind, OnnxParameters(path=Path(name), threads=threads), (), None)


@dataclass
class FakeTimer:
    """Remembers what it was asked, and answers with what tells the models apart."""

    asked: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    fails: str = ""

    def rounds(self, models: Sequence[ModelSpec], root: Path, dataset: Any, size: InputSize, pace: Pace) -> Rounds:
        self.asked.append((tuple(each.name for each in models), str(size)))
        self.seeds.append(pace.seed)
        for number in range(pace.rounds):
            if self.fails in [each.name for each in models]:
                raise ModelError(f"model {self.fails!r}: no such luck")
            yield Round(tuple(np.full((2, 3), 1000 * len(each.name) + number) for each in models), first=number % 2 == 0)

    def start(self, model: ModelSpec, root: Path, dataset: Any, size: InputSize) -> tuple[float, float]:
        self.asked.append(((model.name,), "start"))
        return 2.0, 1.0

    def recorded(self, model: ModelSpec, root: Path, dataset: Any) -> Any:
        return np.array([0.001, 0.002]) if model.name != "silent" else None

    def is_recorded(self, model: ModelSpec) -> bool:
        return model.kind == "outputs"


@dataclass
class Fixture:
    root: Path
    timer: FakeTimer = field(default_factory=FakeTimer)
    written: list[list[Benchmark]] = field(default_factory=list)
    facts: Mapping[str, str] = field(default_factory=lambda: {"processor": "P", "cores": "2", "numpy": "2"})

    def clock(self, plan: TimingPlan = PLAN, **options: Any) -> Clock:
        """As a new run would have it."""
        tools: Any = Tools(
            observer=SimpleNamespace(fingerprint=lambda model, root: f"print of {model.name}"),  # type: ignore[arg-type]
            timer=self.timer,
            data=None,  # type: ignore[arg-type]
            store=FileStore(self.root),
            maker=None,  # type: ignore[arg-type]
            baselines=None,  # type: ignore[arg-type]
            make_check=None,  # type: ignore[arg-type]
            environment=lambda: self.facts,
            attempts=None,  # type: ignore[arg-type]
            benchmarks=SimpleNamespace(write=lambda found: self.written.append(list(found))),
        )
        return Clock(Gatherer("s", self.root, tools, Options(**options)), DATA, plan, "latency")


@pytest.fixture
def timing(tmp_path: Path) -> Fixture:
    return Fixture(tmp_path)


def test_both_models_are_measured_once_and_the_original_against_itself_for_all_candidates(timing: Fixture) -> None:
    original = model("original")
    found = timing.clock().latency(original, model("int8"))
    pairs = [("original", "original"), ("original", "int8")]
    assert timing.timer.asked == [(pair, str(size)) for size in PLAN.sizes for pair in pairs]
    assert len(set(timing.timer.seeds)) == 4
    assert found.sizes[0].timings.candidate[:, 0, 0].tolist() == [4000, 4001, 4002, 4003, 4004]
    assert found.sizes[0].timings.original is not None
    assert found.sizes[0].timings.original[0, 0, 0] == 8000
    assert found.sizes[0].timings.first == (True, False, True, False, True)
    again = timing.clock().latency(original, model("int8"))
    assert again.sizes[0].timings.candidate.tolist() == found.sizes[0].timings.candidate.tolist()
    assert again.sizes[1].noise is not None
    assert len(timing.timer.asked) == 4
    timing.clock().latency(original, model("int4"))
    assert [pair for pair, _ in timing.timer.asked[4:]] == [("original", "int4")] * 2


def test_what_was_measured_is_logged_once_per_candidate_and_nothing_when_nothing_was(timing: Fixture) -> None:
    timing.clock().latency(model("original"), model("int8"))
    assert [[each.name for each in found] for found in timing.written] == [
        ["int8[batch 1]", "original[batch 1]", "int8[batch 8]", "original[batch 8]"]
    ]
    assert timing.written[0][0].seconds.shape == (30,)
    assert timing.written[0][0].seconds[0] == pytest.approx(4e-6)
    assert timing.written[0][0].group == timing.written[0][1].group == "s: int8, batch 1"
    timing.clock().latency(model("original"), model("int8"))
    assert len(timing.written) == 1


@pytest.mark.parametrize("change", ["processor", "cores", "gpu", "threads", "rounds", "calls"])
def test_timings_of_another_machine_or_protocol_are_not_used(timing: Fixture, change: str) -> None:
    timing.clock().latency(model("original"), model("int8"))
    plan = replace(PLAN, **({change: 6} if change in ("rounds", "calls") else {}))
    if change in ("processor", "cores", "gpu"):
        timing.facts = {**timing.facts, change: "another"}
    timing.clock(plan).latency(model("original"), model("int8", threads=2 if change == "threads" else 1))
    assert len(timing.timer.asked) == 4 + (2 if change == "threads" else 4)


def test_another_version_of_a_library_that_the_models_do_not_use_changes_nothing(timing: Fixture) -> None:
    timing.clock().latency(model("original"), model("int8"))
    timing.facts = {**timing.facts, "numpy": "3"}
    timing.clock().latency(model("original"), model("int8"))
    assert len(timing.timer.asked) == 4


def test_fresh_measures_again(timing: Fixture) -> None:
    timing.clock().latency(model("original"), model("int8"))
    since = time.time()
    timing.clock(fresh_since=since).latency(model("original"), model("int8"))
    assert len(timing.timer.asked) == 8
    timing.clock(fresh_since=since).latency(model("original"), model("int8"))
    assert len(timing.timer.asked) == 8  # another process of the same run


def test_a_judge_measures_nothing(timing: Fixture) -> None:
    with pytest.raises(StoreError, match="no timings of int8 on this machine are stored; run: harness run"):
        timing.clock(gather=False).latency(model("original"), model("int8"))
    assert timing.clock(gather=False).noise(model("original"), InputSize(1)) is None
    timing.clock().latency(model("original"), model("int8"))
    assert timing.clock(gather=False).latency(model("original"), model("int8")).sizes[1].noise is not None
    assert len(timing.timer.asked) == 4


def test_starts_are_interleaved_and_only_where_asked_for(timing: Fixture) -> None:
    plan = replace(PLAN, sizes=(InputSize(1),), starts=5)
    found = timing.clock(plan).latency(model("original"), model("int8"))
    started = [models[0] for models, what in timing.timer.asked if what == "start"]
    assert started == ["original", "int8", "int8", "original"] * 2 + ["original", "int8"]
    assert found.candidate_starts is not None
    assert found.candidate_starts.cold.tolist() == [2.0] * 5
    assert found.candidate_starts.load.tolist() == [1.0] * 5


def test_an_original_that_fails_is_no_fault_of_the_candidate(timing: Fixture) -> None:
    timing.timer.fails = "original"
    with pytest.raises(MeasurementError, match="the original cannot be timed: model 'original'"):
        timing.clock().latency(model("original"), model("int8"))
    timing.timer.fails = "int8"
    with pytest.raises(ModelError, match="model 'int8'"):
        timing.clock().latency(model("original"), model("int8"))
    assert timing.written == []


def test_without_the_original_the_candidate_is_timed_alone(timing: Fixture) -> None:
    found = timing.clock().latency(model("original"), model("int8"), without_original=True)
    assert [pair for pair, _ in timing.timer.asked] == [("int8",)] * 2
    assert found.unpaired
    assert found.sizes[0].timings.original is None
    assert found.sizes[0].noise is None
    assert [each.name for each in timing.written[0]] == ["int8[batch 1]", "int8[batch 8]"]


def test_recordings(timing: Fixture) -> None:
    candidate = timing.clock().latency(model("original"), model("int8", kind="outputs"))
    assert candidate.recorded
    assert candidate.sizes[0].timings.candidate.tolist() == [[[1_000_000, 2_000_000]]]
    assert candidate.sizes[0].timings.original is None
    both = timing.clock().latency(model("fp32", kind="outputs"), model("int8", kind="outputs"))
    assert both.sizes[0].timings.original is not None
    assert timing.clock().latency(model("original"), model("silent", kind="outputs")).sizes == ()
    assert timing.timer.asked == []
    beside = timing.clock().latency(model("fp32", kind="outputs"), model("int8"))
    assert "fp32 is a recording" in beside.unpaired
    assert {pair for pair, _ in timing.timer.asked} == {("int8",)}

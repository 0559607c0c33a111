"""What a compression technique has to offer, and who makes candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.core.models import ModelSpec, OutputSpec
from harness.core.steps import Reached

Batch = Mapping[str, NDArray[Any]]
"""Model inputs, or outputs, by tensor name; the first axis is the batch."""

Feed = Iterator[Batch]
"""Batches of model inputs."""

Lessons = Iterator[tuple[Batch, NDArray[np.generic]]]
"""Batches of model inputs with their true answers, encoded as in `arrays.Targets`."""

Form = Literal["onnx", "torch", "torch to onnx", "torch to program"]
"""What a step takes and gives: an ONNX file for another, a torch network for another, or a network for a file that torch
techniques can do nothing more with: ONNX, or an exported program (.pt2)."""

Purpose = Literal["calibrate", "train", "validate"]


@dataclass(frozen=True)
class Rows:
    """Rows of a data set that a step learns from; `rows` None means all. They must not stand in the test data."""

    data: str
    purpose: Purpose
    rows: int | None = None


@dataclass(frozen=True)
class Layer:
    """What a technique did to one weight: `done` says it in words, `reason` why it was left alone (then `done` is "").

    `facts` are numbers found in the result: `bits`, `sparsity`, `rank`, `sqnr_db`, …
    """

    name: str
    shape: tuple[int, ...]
    done: str = ""
    reason: str = ""
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StepReport:
    """What one step touched and what it left alone. `table` holds rows a technique wants shown (sensitivities, epochs)."""

    layers: tuple[Layer, ...] = ()
    notes: tuple[str, ...] = ()
    table: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True)
class StepContext:
    """What a technique may use.

    root:        folder of the suite file
    scratch:     an empty folder, gone afterwards
    seed:        for everything drawn at random
    feed:        (data set, rows) → batches of inputs
    lessons:     (data set, rows) → batches of inputs and true answers, in the order of the data
    output:      what the model's output means
    checkpoint:  a folder that outlives a killed process; removed when the step is done
    score:       (how a model answers a batch, data set) → the suite's metric on it, turned so that more is better
    """

    root: Path
    scratch: Path
    seed: int
    feed: Callable[[str, int | None], Feed]
    lessons: Callable[[str, int | None], Lessons]
    output: OutputSpec | None
    checkpoint: Path
    score: Callable[[Callable[[Batch], Batch], str], float]


@dataclass(frozen=True)
class StopRule:
    """When a gradual step has gone far enough: drops are in the unit of the metric, observed on the rows of `data`.

    A stage that lost more than `per_stage` since the one before it, or brought the loss since the start of the candidate
    above `in_total`, is undone, and the schedule ends there.
    """

    data: str
    per_stage: float | None
    in_total: float | None


class Technique(Protocol):
    """One way to compress. Third parties register one by the entry point group `harness.techniques`.

    `harness.compress.technique` has classes to derive from that answer everything but the work itself. `works_on` and
    `needs` say in words what it takes: for people who choose one.
    """

    works_on: str
    needs: str

    def forms(self, parameters: Any) -> tuple[Form, ...]:
        """What it can work on with these parameters, the preferred form first."""

    def data(self, parameters: Any) -> tuple[Rows, ...]:
        """The rows it learns from."""

    def modules(self, parameters: Any) -> tuple[str, ...]:
        """`module:function` entry points of the suite's tree it calls; their sources are part of a candidate's identity."""

    def stages(self, parameters: Any) -> tuple[Any, ...]:
        """The parameters of each stage of a schedule, in order; `(parameters,)` when there is none."""

    def stop_rule(self, parameters: Any) -> StopRule | None:
        """When its schedule ends early."""

    def apply(self, source: Path, target: Path, parameters: Any, context: StepContext) -> StepReport:
        """For form `onnx`: write the compressed model to `target`; `ModelError` when nothing could be compressed."""

    def transform(self, network: Any, parameters: Any, context: StepContext) -> StepReport:
        """For form `torch`: change a `harness.compress.network.Network` in place."""

    def lower(self, network: Any, target: Path, parameters: Any, context: StepContext) -> StepReport:
        """For the other forms: write the network to `target`."""


@dataclass(frozen=True)
class Artefact:
    """A made candidate: the model that came out, described like a given one, and the record of how (artifact.json)."""

    model: ModelSpec
    folder: Path
    record: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Intermediate:
    """A candidate on its way: the model as `reached` left it, described like a given one; None, and `reason` why, where there is none."""

    reached: Reached
    model: ModelSpec | None
    reason: str = ""


class Maker(Protocol):
    """Makes the candidates that a suite describes by `compress:`."""

    def find(self, model: ModelSpec, source: ModelSpec) -> Artefact | None:
        """The artefact if it was made before, else None. Makes nothing and loads no model library."""

    def make(self, model: ModelSpec, source: ModelSpec) -> Artefact:
        """The artefact of `model.steps` applied to `source`; made once, then found again by its content hash."""

    def find_steps(self, model: ModelSpec, source: ModelSpec) -> tuple[Intermediate, ...]:
        """The models after every stage that held and every step, but for the last, whose result is the artefact. Makes nothing."""

    def make_steps(self, model: ModelSpec, source: ModelSpec) -> tuple[Intermediate, ...]:
        """The same for an artefact that was made, each in a form that can be run; one that cannot says why."""

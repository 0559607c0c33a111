"""What a compression technique has to offer, and who makes candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.core.models import ModelSpec

Feed = Iterator[Mapping[str, NDArray[np.generic]]]
"""Batches of model inputs by tensor name."""


@dataclass(frozen=True)
class Layer:
    """What a technique did to one weight: `done` says it in words, `reason` why it was left alone (then `done` is "")."""

    name: str
    shape: tuple[int, ...]
    done: str = ""
    reason: str = ""


@dataclass(frozen=True)
class StepReport:
    """What one step touched and what it left alone."""

    layers: tuple[Layer, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepContext:
    """What a technique may use: `feed(data set name, rows)` yields calibration batches; `scratch` is an empty folder."""

    root: Path
    scratch: Path
    seed: int
    feed: Callable[[str, int | None], Feed]


class Technique(Protocol):
    """One way to compress an ONNX model. Third parties register one by the entry point group `harness.techniques`."""

    def calibration(self, parameters: Any) -> str | None:
        """Name of the data set it calibrates on, None when it needs none."""

    def apply(self, source: Path, target: Path, parameters: Any, context: StepContext) -> StepReport:
        """Write the compressed model to `target`; `ModelError` when nothing could be compressed."""


@dataclass(frozen=True)
class Artefact:
    """A made candidate: the model that came out, described like a given one, and the record of how (artifact.json)."""

    model: ModelSpec
    folder: Path
    record: Mapping[str, object] = field(default_factory=dict)


class Maker(Protocol):
    """Makes the candidates that a suite describes by `compress:`."""

    def find(self, model: ModelSpec, source: ModelSpec) -> Artefact | None:
        """The artefact if it was made before, else None. Makes nothing and loads no model library."""

    def make(self, model: ModelSpec, source: ModelSpec) -> Artefact:
        """The artefact of `model.steps` applied to `source`; made once, then found again by its content hash."""

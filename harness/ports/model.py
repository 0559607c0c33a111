"""What a kind of model has to offer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.arrays.footprint import Footprint, Weights
from harness.core.models import ModelSpec, OutputSpec
from harness.ports.data import Dataset


@dataclass(frozen=True)
class Tensor:
    """What a model declares of one input or output. `dtype` is a numpy name; a dimension is None when it is free."""

    name: str
    dtype: str | None = None
    shape: tuple[int | None, ...] | None = None


class Model(Protocol):
    """A loaded model, ready to answer; lives in a worker process."""

    def inputs(self) -> tuple[Tensor, ...]:
        """Its inputs, () when it cannot tell (then they are passed as declared)."""

    def outputs(self) -> tuple[Tensor, ...]:
        """Its outputs, () when it cannot tell."""

    def predict(self, inputs: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """Outputs by name for one batch; the first axis of every array is the batch."""


class ModelAdapter(Protocol):
    """One kind of model that runs in a worker process (`onnx`, `torch`, `python`…).

    `parameters` is always an instance of the type registered beside the adapter; paths in it are relative to `root`.
    Only `load` and `weights` may import a heavy library. Third parties register one by the entry point group
    `harness.models`.
    """

    def files(self, parameters: Any, root: Path) -> tuple[Path, ...]:
        """Every file the model consists of, external data included; `ModelError` when one is missing or empty."""

    def modules(self, parameters: Any) -> tuple[str, ...]:
        """`module:function` entry points of the suite's tree it calls; their sources are part of its identity."""

    def distributions(self) -> tuple[str, ...]:
        """Installed distributions whose versions change what it answers."""

    def identity(self, parameters: Any) -> Mapping[str, str]:
        """Whatever else changes its answers (providers, version…); an empty `version` means: never reuse evidence."""

    def load(self, parameters: Any, root: Path) -> Model:
        """The model, loaded; `ModelError` with one sentence when it cannot be."""

    def weights(self, parameters: Any, root: Path) -> Weights | None:
        """Counts over its parameters, None when it has none to look at."""


@dataclass(frozen=True)
class Chunk:
    """Answers for rows `start` … `start + len(status)` of a data set, shaped as in `arrays.Outputs`.

    `messages` maps row numbers of the data set (the first of the chunk is `start`) to why the model failed there.
    """

    start: int
    values: NDArray[np.generic]
    status: NDArray[np.uint8]
    offsets: NDArray[np.int64] | None = None
    token_log_probs: NDArray[np.float32] | None = None
    messages: Mapping[int, str] = field(default_factory=dict)


class Observer(Protocol):
    """Lets a described model answer a data set. The one place where models run."""

    def fingerprint(self, model: ModelSpec, root: Path) -> str | None:
        """Content hash of everything that decides its answers; None when it must not be reused."""

    def output(self, model: ModelSpec, root: Path, dataset: Dataset) -> OutputSpec:
        """What its output means, completed (labels of recorded predictions come from the data)."""

    def examine(self, model: ModelSpec, root: Path, dataset: Dataset) -> None:
        """An error for what is wrong with its files, and the columns it is fed with, as far as that shows before it runs."""

    def observe(self, model: ModelSpec, root: Path, dataset: Dataset, start: int = 0, batch_size: int | None = None) -> Iterator[Chunk]:
        """Answers in row order from row `start` on; a model that cannot run at all raises `ModelError`."""

    def footprint(self, model: ModelSpec, root: Path, dataset: Dataset) -> Footprint:
        """Its weight on disk and in memory, measured in a fresh process."""

"""How a suite describes models: what goes in, what comes out, where the model is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Task(StrEnum):
    """What the model is asked."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"
    RANKING = "ranking"
    TOKENS = "tokens"


class OutputType(StrEnum):
    """What the model answers with."""

    LABEL = "label"
    PROBABILITIES = "probabilities"
    LOGITS = "logits"
    SCORE = "score"
    VALUES = "values"
    VECTOR = "vector"


@dataclass(frozen=True)
class InputSpec:
    """How one input tensor is made from data columns.

    `columns` are stacked in order into the last axis (one column: its own shape). At most one of `step`
    (a `module:function` of the suite's own tree: batch of column values → array) and `tokenizer` (a tokenizer.json,
    relative to the suite) is set. `shape` reshapes each row; `dtype` casts; both after the step.
    """

    tensor: str
    columns: tuple[str, ...]
    step: str | None = None
    tokenizer: str | None = None
    max_length: int | None = None
    dtype: str | None = None
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class OutputSpec:
    """What the model's output means. `labels[i]` is the class of index i; () when there are none."""

    type: OutputType
    task: Task
    name: str | None = None
    labels: tuple[str, ...] = ()
    positive: str | None = None
    threshold: float = 0.5
    group: str | None = None
    ignore_index: int | None = None


@dataclass(frozen=True)
class Step:
    """One step of a compression pipeline: technique name, its typed parameters, and where it stands in the suite file."""

    technique: str
    parameters: object
    place: tuple[str, int, int] = field(default=("", 1, 1), compare=False)


@dataclass(frozen=True)
class Expectation:
    """An outcome announced in `expect:`, with the reason a person gave for it."""

    outcome: str
    reason: str


@dataclass(frozen=True)
class ModelSpec:
    """One model of a suite: given (a `kind` of the catalogue with its typed `parameters`) or made from `source` by `steps`.

    `timeout` is in seconds per batch, `batch_size` in examples, `source` the name of the model that `steps` start from.
    `judge` says whether quality checks look at what came out alone, or also at the models between its steps.
    """

    name: str
    kind: str
    parameters: object
    inputs: tuple[InputSpec, ...] = ()
    output: OutputSpec | None = None
    steps: tuple[Step, ...] = ()
    expect: Mapping[str, Expectation] = field(default_factory=dict)
    timeout: float = 60.0
    batch_size: int = 64
    source: str = "original"
    judge: Literal["end", "each_step"] = "end"

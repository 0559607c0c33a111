"""What a suite file may say about a model, per kind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from harness.catalogue import Parameters

Reference = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", examples=["module:function"])]
"""`module:function`, looked for beside the suite file first."""

Threads = Annotated[int, Field(ge=1, le=1024)]
"""Threads a model may use. One by default: then neither answers nor timings depend on how many cores a machine has."""


class OnnxParameters(Parameters):
    """An ONNX file, run by ONNX Runtime on the named execution providers, first choice first."""

    path: Path
    providers: tuple[str, ...] = Field(default=("CPUExecutionProvider",), min_length=1)
    threads: Threads = 1
    graph_optimization: Literal["disable", "basic", "extended", "all"] = "all"


class TorchParameters(Parameters):
    """A PyTorch model: `factory` (called with `kwargs`) and its `weights`, or an exported `program` (.pt2).

    Weights are .safetensors, or a state dict in a .pt file, read without unpickling code; of several files each holds some
    of them. `package:NAME/path` is a file of an installed package. `device: auto` takes the first GPU and else the CPU.
    `semi_structured` runs linear layers whose weights have the pattern 2:4 by the sparse products of NVIDIA GPUs.
    """

    factory: Reference | None = None
    weights: Path | Annotated[tuple[Path, ...], Field(min_length=1)] | None = None
    program: Path | None = None
    kwargs: dict[str, Any] = Field(default_factory=dict)
    threads: Threads = 1
    device: Annotated[str, Field(pattern=r"^(cpu|auto|mps|cuda(:\d+)?)$")] = "cpu"
    semi_structured: bool = False

    @property
    def weight_files(self) -> tuple[Path, ...]:
        """The files of its weights, as they are written in the suite."""
        if self.weights is None:
            return ()
        return self.weights if isinstance(self.weights, tuple) else (self.weights,)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.program is not None and (self.factory is not None or self.weights is not None or self.kwargs):
            raise ValueError("give either factory and weights, or program; an exported program already holds both")
        if self.program is None and (self.factory is None or self.weights is None):
            missing = "weights" if self.factory is not None else "factory"
            raise ValueError(f"{missing} is missing: give factory and weights, or an exported program")
        return self


class PythonParameters(Parameters):
    """A function of the suite's own tree: called with one batch and `kwargs`, returns the answers, first axis the batch.

    The batch is a dict of arrays: tensors when `input:` is declared, else every column of the data. A class is made
    once with `kwargs` and its instance called. Evidence is kept and reused only with a `version`.
    """

    function: Reference
    version: str | None = None
    kwargs: dict[str, Any] = Field(default_factory=dict)
    threads: Threads = 1

    def lacks(self, quantity: str) -> str | None:
        """See `harness.ports.measuring.Unweighed`: only running it tells anything."""
        return None if quantity in ("load time", "peak memory") else "since a python: function names no files; remove the limit"


def _text_keys(value: object) -> object:
    """Labels such as 0 and 1 are numbers to YAML, and names to everybody else."""
    return {str(key): column for key, column in value.items()} if isinstance(value, dict) else value


class OutputsParameters(Parameters):
    """Recorded answers, one row per example: no model is run.

    `prediction` is a column of labels (or of values), `score` a column of scores, `scores` one column per label. `id`
    is the column that holds the ids, by default the one called as in the data set. `latency_ms` and `peak_memory` (in
    bytes, or `120MB`) are figures measured on the target device.
    """

    path: Path
    id: str | None = None
    prediction: str | None = None
    score: str | None = None
    scores: Annotated[dict[str, str], BeforeValidator(_text_keys)] | None = None
    latency_ms: str | None = None
    peak_memory: str | None = None

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        given = [name for name in ("prediction", "score", "scores") if getattr(self, name) is not None]
        if len(given) != 1 or self.scores == {}:
            found = " and ".join(given) or "none of them"
            raise ValueError(f"say in which column the answers are, with one of prediction, score or scores; found {found}")
        return self

    def lacks(self, quantity: str) -> str | None:
        """See `harness.ports.measuring.Unweighed`: a recording says what it has a column for."""
        if quantity != "peak memory":
            return "since its answers are recorded and no model file is there; remove the limit"
        return None if self.peak_memory is not None else "since its answers are recorded; name the column that holds it with peak_memory:"

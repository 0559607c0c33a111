"""Small registers with parameter types like those of the real kinds, so that the language is tested without them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from harness.catalogue import Kind, Kinds, Parameters
from harness.catalogue.parameters import BytesField, ChangeField, RatioField, SecondsField, ShareField
from harness.catalogue.refs import MetricRef
from harness.errors import Fault, SuiteError
from harness.spec import Registers, load_suite


class Onnx(Parameters):
    path: Path
    providers: tuple[str, ...] = ("CPUExecutionProvider",)
    threads: Annotated[int, Field(ge=1)] = 1


class Torch(Parameters):
    factory: str
    weights: str
    kwargs: dict[str, Any] = Field(default_factory=dict)


class Outputs(Parameters):
    path: str
    prediction: str | None = None
    score: str | None = None
    scores: dict[str, str] | None = None

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        if (self.prediction is None) == (self.scores is None and self.score is None):
            raise ValueError("say in which column the answers are, with one of prediction, score or scores")
        return self


class File(Parameters):
    path: str
    format: Literal["csv", "tsv", "jsonl"] | None = None


class Named(Parameters):
    name: str
    split: str = "test"


class Function(Parameters):
    function: str


class Nothing(Parameters):
    pass


class Average(Parameters):
    average: Literal["micro", "macro", "weighted"] = "macro"


class TopK(Parameters):
    k: int


class SegmentRules(Parameters):
    critical: bool | tuple[str, ...] = False
    max_drop: ChangeField | None = None


class Policy(Parameters):
    whole: Literal["fail", "warn"] = "fail"
    other: Literal["fail", "warn"] = "warn"


class Quality(Parameters):
    metric: MetricRef
    max_drop: ChangeField
    segments: dict[str, SegmentRules] = Field(default_factory=dict)
    on_inconclusive: Policy = Policy()
    max_unproven: ShareField = 0.5
    level: float = 0.90
    power: int | float = 0.8


class Agreement(Parameters):
    max_flip_rate: ShareField | None = None
    max_kl: float | None = None
    segments: dict[str, SegmentRules] = Field(default_factory=dict)
    on_inconclusive: Policy = Policy()


class Footprint(Parameters):
    min_size_reduction: ChangeField | None = None
    max_peak_memory: BytesField | None = None
    max_load_time: SecondsField | None = None
    min_shrinkage: RatioField | None = None


class Quantize(Parameters):
    mode: Literal["dynamic", "static", "weights"]
    bits: Literal[4, 8] = 8


class Cast(Parameters):
    dtype: Literal["float16", "bfloat16"]


def _register(sort: str, *kinds: tuple[str, type[Parameters], str | None]) -> Kinds[Any]:
    register: Kinds[Any] = Kinds(sort)
    for name, parameters, shorthand in kinds:
        register.register(Kind(name, parameters, object(), shorthand))
    return register


REGISTERS = Registers(
    models=_register(
        "model kind", ("onnx", Onnx, "path"), ("torch", Torch, None), ("outputs", Outputs, "path"), ("python", Function, "function")
    ),
    sources=_register(
        "data source", ("file", File, "path"), ("sklearn", Named, "name"), ("hf", Named, "name"), ("python", Function, "function")
    ),
    metrics=_register(
        "metric", ("accuracy", Nothing, None), ("f1", Average, "average"), ("top_k", TopK, "k"), ("python", Function, "function")
    ),
    checks=_register("check kind", ("quality", Quality, None), ("agreement", Agreement, "max_flip_rate"), ("footprint", Footprint, None)),
    techniques=_register("technique", ("quantize", Quantize, "mode"), ("cast", Cast, "dtype"), ("fold", Nothing, None)),
)

SMALL = """\
schema: 1
suite: small
original: {outputs: runs.csv, prediction: fp32}
data:
  test: {source: runs.csv, id: id, target: language, segments: {language: language}}
candidates:
  int8: {outputs: runs.csv, prediction: int8}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp}
"""
"""A suite without faults. Tests change one line of it."""


def load(folder: Path, text: str, environ: dict[str, str] | None = None, name: str = "s.yaml") -> Any:
    """The suite that `text` describes, read from a file in `folder`."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_suite(path, REGISTERS, environ or {})


def faults(folder: Path, text: str, environ: dict[str, str] | None = None) -> tuple[Fault, ...]:
    """What is wrong with `text`; () when nothing is."""
    try:
        load(folder, text, environ)
    except SuiteError as error:
        return error.faults
    return ()


MARK = "‸"
"""Stands in the text of a test right before the token that is at fault."""


def marked(text: str) -> tuple[str, str]:
    """`text` without the mark, and `line:column` of where it stood."""
    before, _, after = text.partition(MARK)
    return before + after, f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def spots(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    """The faults as `line:column: message`."""
    return [f"{fault.line}:{fault.column}: {fault.message}" for fault in faults(folder, text, environ)]

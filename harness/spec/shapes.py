"""The fixed parts of the suite language as types. What depends on kinds is typed where the kind is registered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from harness.catalogue import Parameters
from harness.catalogue.parameters import SecondsField
from harness.core.models import OutputType, Task
from harness.core.outcome import Outcome
from harness.core.segment import LengthUnit

NAME = r"^\w(?:[\w.-]*\w)?$"
"""Names of candidates, data sets, segmentations and checks; they stand in test ids and file names."""

SUITE_NAME = r"^[\w-]+$"
REFERENCE = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
REQUIREMENT = r"^(?:env:[A-Za-z_]\w*|[A-Za-z_][\w.]*)$"
FORMS = {
    SUITE_NAME: "a name of letters, digits, - and _",
    REFERENCE: "module:function",
    REQUIREMENT: "network, gpu, env:NAME or the name of a Python module",
}
"""What messages call texts of these forms."""

Text = Annotated[str, StringConstraints(min_length=1)]
Reference = Annotated[str, StringConstraints(pattern=REFERENCE), Field(examples=["prep:encode"])]
Count = Annotated[int, Field(ge=1)]

DType = Literal["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool", "str"]


class ReportShape(Parameters):
    """What reports may show of the data."""

    examples: Literal["ids", "text"] = "ids"


class HeadShape(Parameters):
    """The keys at the top that are neither models, data nor checks."""

    schema_: Literal[1] = Field(alias="schema", description="Version of the suite language.")
    suite: Annotated[str, StringConstraints(pattern=SUITE_NAME)] = Field(description="Its name: letters, digits, - and _.")
    about: str = Field("", description="What the suite asks, for people.")
    report: ReportShape = ReportShape()
    requires: tuple[Annotated[str, StringConstraints(pattern=REQUIREMENT)], ...] = Field(
        (), description="What must be there, else the suite is skipped: network, gpu, env:NAME, or a Python module such as torch."
    )


class ModelShape(Parameters):
    """What every model may say beside its kind."""

    timeout: SecondsField | None = Field(None, description="Time one batch may take.")
    batch_size: Count | None = Field(None, description="Examples per batch.")


class ExpectationShape(Parameters):
    """An announced outcome."""

    outcome: Outcome
    reason: Text


class StepShape(Parameters):
    """A function of the suite's own tree through which columns pass."""

    python: Reference


class InputShape(Parameters):
    """How one input tensor is made."""

    column: Text | None = None
    columns: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    with_: StepShape | None = Field(None, alias="with")
    tokenizer: Text | None = Field(None, description="A tokenizer.json.")
    max_length: Count | None = None
    dtype: DType | None = None
    shape: Annotated[tuple[Count, ...], Field(min_length=1)] | None = Field(None, description="Shape of one row.")


class OutputShape(Parameters):
    """What the model's output means."""

    name: Text | None = None
    type: OutputType
    task: Task
    labels: Annotated[tuple[Text, ...], Field(min_length=2)] | Text | None = Field(
        None, description="Label i belongs to index i: a list, or a text file with one label per line."
    )
    positive: Text | None = None
    threshold: float | None = None
    group: Text | None = None
    ignore_index: int | None = None


class DataShape(Parameters):
    """What every data set may say beside its source."""

    id: Text | None = None
    target: Text | None = None
    role: Literal["test", "train", "validation", "calibration"] = "test"
    cluster_by: Text | None = None


class SegmentationShape(Parameters):
    """A segmentation in its long form."""

    column: Text | None = None
    by: LengthUnit | None = None
    edges: Annotated[tuple[float, ...], Field(min_length=1)] | None = None
    quantiles: Annotated[int, Field(ge=2)] | None = None
    tokenizer: Text | None = None
    where: Text | None = None
    of: Annotated[tuple[Text, ...], Field(min_length=2)] | None = None
    min_examples: Count = 1
    otherwise: Literal["merge", "keep"] = "keep"

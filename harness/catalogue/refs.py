"""A kind named inside the parameters of another: the metric of a quality check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

METRIC_SCHEMA = {"$comment": "a metric"}
"""What a `MetricRef` field says of itself in JSON Schema; whoever knows the metrics puts their schema in its place."""


@dataclass(frozen=True)
class MetricRef:
    """A metric by its name in the register of metrics, with its typed parameters.

    As a field of a `Parameters` type it accepts an instance only: the suite reader makes it out of `metric: f1` or
    `metric: {f1: {average: macro}}` before the check's parameters are validated.
    """

    name: str
    parameters: object

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.is_instance_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(METRIC_SCHEMA)

"""Base of every parameter type a suite file can hold, and field types for quantities with units."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from harness.core.units import Change, parse_bytes, parse_change, parse_ratio, parse_seconds, parse_share


class Parameters(BaseModel):
    """Typed parameters: frozen, and no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=True)


def _schema(pattern: str, example: str, *, number: bool = False) -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string", "pattern": pattern, "examples": [example]}
    return {"anyOf": [text, {"type": "number"}]} if number else text


def _change(value: object) -> Change:
    return value if isinstance(value, Change) else parse_change(value)


def _bytes(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else parse_bytes(value)


def _seconds(value: object) -> float:
    return value if isinstance(value, float) else parse_seconds(value)


def _ratio(value: object) -> float:
    return value if isinstance(value, float) else parse_ratio(value)


ChangeField = Annotated[Change, BeforeValidator(_change), WithJsonSchema(_schema(r"^[0-9.]+ ?(pp|%rel)$|^\$\{", "2pp", number=True))]
"""A tolerated change: `2pp`, `2%rel`, or a bare number in the metric's own unit."""

ShareField = Annotated[float, BeforeValidator(parse_share), WithJsonSchema(_schema(r"^[0-9.]+ ?%$|^\$\{", "3%", number=True))]
"""A proportion: `3%`."""

RatioField = Annotated[float, BeforeValidator(_ratio), WithJsonSchema(_schema(r"^[0-9.]+ ?x$|^\$\{", "2x"))]
"""A ratio: `2x`."""

BytesField = Annotated[int, BeforeValidator(_bytes), WithJsonSchema(_schema(r"^[0-9.]+ ?([KMG]i?B|B)$|^\$\{", "500MB"))]
"""A size: `500MB`."""

SecondsField = Annotated[float, BeforeValidator(_seconds), WithJsonSchema(_schema(r"^[0-9.]+ ?(us|ms|s|min|h)$|^\$\{", "60s"))]
"""A duration: `300ms`."""

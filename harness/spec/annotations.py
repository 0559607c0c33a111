"""What a parameter type says about the value at one path of a suite."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, PlainValidator, WithJsonSchema, WrapValidator
from pydantic.fields import FieldInfo

from harness.spec.tree import Path


@dataclass(frozen=True)
class Option:
    """One type a value may have, with what `Annotated` adds to it."""

    type: Any
    metadata: tuple[Any, ...] = ()

    @property
    def converted(self) -> bool:
        """Whether a function of the type's own reads the raw value."""
        return any(isinstance(item, (BeforeValidator, PlainValidator, WrapValidator)) for item in self.metadata)

    @property
    def written_as_text(self) -> bool:
        """Whether it is always a text in a suite, such as `60s`."""
        schemas = [item.json_schema for item in self.metadata if isinstance(item, WithJsonSchema)]
        return any(schema is not None and schema.get("type") == "string" for schema in schemas)


def options(annotation: Any, metadata: tuple[Any, ...] = ()) -> tuple[Option, ...]:
    """The members of a union, or the one type there is."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *extra = get_args(annotation)
        return options(inner, (*metadata, *extra))
    if origin in (Union, types.UnionType):
        return tuple(option for member in get_args(annotation) for option in options(member, metadata))
    return (Option(annotation, metadata),)


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the name they have in a suite."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def inner(option: Option, step: str | int) -> tuple[Option, ...]:
    """What the type says about its value at `step` (a key or an index); () when it says nothing."""
    kind, arguments = get_origin(option.type) or option.type, get_args(option.type)
    if not isinstance(kind, type):
        return ()
    if issubclass(kind, BaseModel):
        return _of_fields(kind).get(str(step), ())
    if isinstance(step, str):
        return options(arguments[1]) if issubclass(kind, Mapping) and len(arguments) == 2 else ()
    if issubclass(kind, tuple) and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        return options(arguments[step]) if step < len(arguments) else ()
    return options(arguments[0]) if issubclass(kind, (Sequence, Set)) and arguments else ()


@cache
def _of_fields(model: type[BaseModel]) -> dict[str, tuple[Option, ...]]:
    """What each field may be; nothing is said of those whose raw value the model reads itself."""
    fields = fields_of(model).items()
    return {key: options(field.annotation, tuple(field.metadata)) for key, field in fields if not _read_before(model, key)}


def at(model: type[BaseModel], path: Path) -> tuple[Option, ...]:
    """Every type a value at `path` of `model` may have."""
    found: tuple[Option, ...] = (Option(model),)
    for step in path:
        found = tuple(deeper for option in found for deeper in inner(option, step))
    return found


def known_keys(model: type[BaseModel], path: Path) -> tuple[str, ...]:
    """The keys that a mapping at `path` of `model` may have."""
    models = [option.type for option in at(model, path) if isinstance(option.type, type) and issubclass(option.type, BaseModel)]
    return tuple(key for found in models for key in fields_of(found))


def _read_before(model: type[BaseModel], key: str) -> bool:
    """Whether a `field_validator(mode="before")` reads the raw value of this key."""
    for decorator in model.__pydantic_decorators__.field_validators.values():
        if decorator.info.mode != "after" and not {key, "*"}.isdisjoint(decorator.info.fields):
            return True
    return False

"""pydantic's errors in the words of a suite."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

from harness.spec.shapes import FORMS
from harness.spec.tree import Items, Leaf, Node, Path, describe

_EXPECTED = {
    "text": ("string_type", "string_sub_type", "string_unicode", "path_type"),
    "a whole number": ("int_type", "int_parsing", "int_from_float", "int_parsing_size"),
    "a number": ("float_type", "float_parsing"),
    "true or false": ("bool_type", "bool_parsing"),
    "a list": ("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"),
    "a mapping": ("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type"),
    "nothing": ("none_required",),
}
_BY_TYPE = {error: words for words, errors in _EXPECTED.items() for error in errors}
_LIMITS = {
    "greater_than": ("a number greater than", "gt"),
    "greater_than_equal": ("a number of at least", "ge"),
    "less_than": ("a number less than", "lt"),
    "less_than_equal": ("a number of at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}
_COUNTS = {
    "too_short": ("at least", "min_length"),
    "too_long": ("at most", "max_length"),
    "string_too_short": ("at least", "min_length"),
    "string_too_long": ("at most", "max_length"),
}


def own_words(error: ErrorDetails) -> str | None:
    """The message of a `ValueError` that a parameter type raised, None for pydantic's own errors."""
    context: Mapping[str, Any] = error.get("ctx", {})
    return str(context["error"]) if error["type"] in ("value_error", "assertion_error") and "error" in context else None


def expectation(error: ErrorDetails) -> str | None:
    """What was expected, as a noun: `a whole number`; None when the error is not of that sort."""
    sort = error["type"]
    context: Mapping[str, Any] = error.get("ctx", {})
    if sort in _BY_TYPE:
        return _BY_TYPE[sort]
    if sort in _LIMITS:
        words, key = _LIMITS[sort]
        return f"{words} {context[key]}"
    if sort in ("literal_error", "enum"):
        return str(context["expected"])
    if sort == "string_pattern_mismatch":
        return FORMS.get(context["pattern"], f"text of the form {context['pattern']}")
    if sort in _COUNTS:
        return _count(sort, *_COUNTS[sort], context)
    return None


def subject(path: Path) -> str:
    """What a message calls the value at `path`: `threads`, or `edges, item 3`."""
    *parents, last = path
    return str(last) if isinstance(last, str) else ", ".join([*map(str, parents[-1:]), f"item {last + 1}"])


def sentence(name: str, errors: list[ErrorDetails], node: Node) -> str:
    """One sentence for everything that is wrong with one value. Several errors are the members of a union."""
    for error in errors:
        if words := own_words(error):
            return words
    limits = [error for error in errors if error["type"] in (*_LIMITS, *_COUNTS)]
    wanted = [words for error in limits or errors if (words := expectation(error)) and words != "nothing"]
    if not wanted:
        return f"{name}: {_lower(errors[0]['msg'])}"
    return f"{name}: expected {' or '.join(dict.fromkeys(wanted))}, not {_found(errors, node)}{_near(errors, node)}"


def _near(errors: list[ErrorDetails], node: Node) -> str:
    choices = [part for error in errors if error["type"] in ("literal_error", "enum") for part in error["ctx"]["expected"].split("'")[1::2]]
    near = difflib.get_close_matches(node.text, choices, n=1) if isinstance(node, Leaf) else []
    return f"; did you mean {near[0]!r}?" if near else ""


def _count(sort: str, words: str, key: str, context: Mapping[str, Any]) -> str:
    number = context[key]
    if sort.startswith("string"):
        return "text" if number == 1 and words == "at least" else f"{words} {number} characters"
    return f"{words} {number} entr{'y' if number == 1 else 'ies'}"


def _found(errors: list[ErrorDetails], node: Node) -> str:
    counted = isinstance(node, Items) and any(error["type"] in _COUNTS for error in errors)
    return str(len(node.items)) if isinstance(node, Items) and counted else describe(node)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]

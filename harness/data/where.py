"""Evaluating a `where:` predicate on whole columns."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.types as pt
from numpy.typing import NDArray

from harness.core.predicate import And, Compare, IsMissing, Member, Not, Or, Predicate, Value
from harness.data.coding import Coded
from harness.data.naming import name_rows, name_values
from harness.errors import DataError

Columns = Callable[[str], Coded]
"""A column by its name, coded."""

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class _Truth:
    """(n,) where the predicate is true and where it is false; neither where a missing value decides it."""

    true: NDArray[np.bool_]
    false: NDArray[np.bool_]


def holds(predicate: Predicate, columns: Columns) -> NDArray[np.bool_]:
    """(n,) where `predicate` is true.

    A number in the predicate compares with the column's values as numbers, a text with their text, `true` and `false`
    with booleans; `DataError` naming rows whose value is of another sort.
    """
    return _truth(predicate, columns).true


def _truth(predicate: Predicate, columns: Columns) -> _Truth:
    match predicate:
        case And(operands):
            parts = [_truth(operand, columns) for operand in operands]
            return _Truth(np.logical_and.reduce([part.true for part in parts]), np.logical_or.reduce([part.false for part in parts]))
        case Or(operands):
            parts = [_truth(operand, columns) for operand in operands]
            return _Truth(np.logical_or.reduce([part.true for part in parts]), np.logical_and.reduce([part.false for part in parts]))
        case Not(operand):
            inner = _truth(operand, columns)
            return _Truth(inner.false, inner.true)
        case IsMissing(column, negated):
            missing = columns(column).missing
            return _Truth(missing != negated, missing == negated)
        case Compare(column, op, value):
            return _leaf(columns(column), lambda values, literal: _OPERATORS[op](values, literal), (value,), negated=False)
        case Member(column, values, negated):
            return _leaf(columns(column), operator.eq, values, negated=negated)


def _leaf(coded: Coded, test: Callable[[Any, Any], Any], literals: tuple[Value, ...], *, negated: bool) -> _Truth:
    """`test` against any of `literals`, decided once per distinct value."""
    values = _comparable(coded, literals[0])
    passed = np.zeros(len(values), dtype=bool)
    for literal in literals:
        passed |= np.asarray(test(values, literal), dtype=bool)
    true = coded.spread(passed != negated, False).astype(bool)
    return _Truth(true, ~true & ~coded.missing)


def _comparable(coded: Coded, literal: Value) -> NDArray[Any]:
    if isinstance(literal, bool):
        return _booleans(coded)
    if isinstance(literal, str):
        return np.array(coded.texts, dtype=object)
    return _exact(coded) if isinstance(literal, int) and pt.is_integer(coded.values.type) else coded.numbers


def _exact(coded: Coded) -> NDArray[Any]:
    """Whole numbers as they are: a float would merge neighbours above 2**53."""
    return np.array(coded.values.to_pylist(), dtype=object)


def _booleans(coded: Coded) -> NDArray[Any]:
    known = {"true": True, "false": False}
    lowered = [text.lower() for text in coded.texts]
    wrong = np.array([position for position, text in enumerate(lowered) if text not in known], dtype=np.int64)
    if len(wrong):
        rows = coded.rows_of(wrong)
        shown = name_values([coded.texts[coded.codes[rows[0]]]])
        raise DataError(f"column {coded.column!r} is compared with true or false, but {name_rows(rows)} hold neither: {shown}")
    return np.array([known[text] for text in lowered], dtype=object)

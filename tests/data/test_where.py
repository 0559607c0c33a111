"""Predicates on columns against a row-by-row reading in three-valued logic."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.core.predicate import And, Compare, IsMissing, Member, Not, Or, Predicate, parse
from harness.data.coding import Coded, encode
from harness.data.where import holds
from harness.errors import DataError

OPERATORS = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def evaluate(columns: dict[str, Any], where: str | Predicate) -> list[bool]:
    coded: dict[str, Coded] = {name: encode(name, pa.chunked_array([pa.array(values)])) for name, values in columns.items()}
    found: list[bool] = holds(parse(where) if isinstance(where, str) else where, coded.__getitem__).tolist()
    return found


def brute(predicate: Predicate, row: dict[str, Any]) -> bool | None:
    match predicate:
        case And(operands):
            parts = [brute(operand, row) for operand in operands]
            return False if False in parts else None if None in parts else True
        case Or(operands):
            parts = [brute(operand, row) for operand in operands]
            return True if True in parts else None if None in parts else False
        case Not(operand):
            inner = brute(operand, row)
            return None if inner is None else not inner
        case IsMissing(column, negated):
            return (row[column] is None) != negated
        case Compare(column, op, value):
            return None if row[column] is None else bool(OPERATORS[op](row[column], value))
        case Member(column, values, negated):
            return None if row[column] is None else (row[column] in values) != negated
    raise AssertionError


LEAVES = st.one_of(
    st.builds(Compare, st.just("n"), st.sampled_from(list(OPERATORS)), st.integers(-2, 2)),
    st.builds(Compare, st.just("t"), st.sampled_from(list(OPERATORS)), st.sampled_from(["a", "b", "ä", "𐍈", "\uffff"])),
    st.builds(Compare, st.just("b"), st.sampled_from(["==", "!="]), st.booleans()),
    st.builds(Member, st.just("n"), st.lists(st.integers(-2, 2), min_size=1).map(tuple), st.booleans()),
    st.builds(Member, st.just("t"), st.lists(st.sampled_from(["a", "b", "ä"]), min_size=1).map(tuple), st.booleans()),
    st.builds(IsMissing, st.sampled_from("ntb"), st.booleans()),
)
PREDICATES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)
ROWS = st.fixed_dictionaries(
    {
        "n": st.one_of(st.none(), st.integers(-2, 2)),
        "t": st.one_of(st.none(), st.sampled_from(["a", "b", "ä", "𐍈", "\uffff"])),
        "b": st.one_of(st.none(), st.booleans()),
    }
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(PREDICATES, st.lists(ROWS, min_size=1, max_size=12))
def test_every_predicate_means_what_it_says(predicate: Predicate, rows: list[dict[str, Any]]) -> None:
    expected = [brute(predicate, row) is True for row in rows]
    typed = {"n": pa.int64(), "t": pa.string(), "b": pa.bool_()}
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in typed.items()}
    assert evaluate(columns, predicate) == expected
    as_text = {name: [None if row[name] is None else str(row[name]) for row in rows] for name in "ntb"}
    assert evaluate({name: pa.array(values, pa.string()) for name, values in as_text.items()}, predicate) == expected


def test_numbers_compare_by_size_and_texts_exactly() -> None:
    columns = {"c": ["007", "7", "7.0", "10", ""]}
    assert evaluate(columns, "c == 7") == [True, True, True, False, False]
    assert evaluate(columns, "c == '7'") == [False, True, False, False, False]
    assert evaluate(columns, "c > 8") == [False, False, False, True, False]
    assert evaluate(columns, "c > '8'") == [False, False, False, False, False]
    assert evaluate(columns, "not c == 7") == [False, False, False, True, False]


def test_large_whole_numbers_are_not_rounded() -> None:
    assert evaluate({"c": [2**53, 2**53 + 1]}, f"c == {2**53 + 1}") == [False, True]


def test_a_number_column_against_texts() -> None:
    assert evaluate({"c": [1, 2, None]}, "c in ['1', '3']") == [True, False, False]
    assert evaluate({"c": pa.array(["2024-05-01", "2023-01-01"]).cast(pa.date32())}, "c >= '2024-01-01'") == [True, False]


@pytest.mark.parametrize(
    ("values", "where", "said"),
    [
        (["1", "x", None, "y"], "c < 5", "column 'c' must hold numbers, but rows 2, 4 are not: 'x'"),
        (["true", "yes"], "c == true", "compared with true or false, but row 2 hold.* neither: 'yes'"),
        ([1, 0], "c == true", "compared with true or false"),
        ([True, False], "c > 0", "must hold numbers"),
    ],
)
def test_values_of_another_sort_are_named(tmp_path: Path, values: list[Any], where: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        evaluate({"c": values}, where)

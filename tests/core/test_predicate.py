"""The grammar of `where:`: what it accepts, what it means, and where it says that reading stopped."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core import predicate
from harness.core.predicate import And, Compare, IsMissing, Member, Not, Or, PredicateError, columns, parse


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("age < 3", Compare("age", "<", 3)),
        ("age<=3", Compare("age", "<=", 3)),
        ("age > -3", Compare("age", ">", -3)),
        ("age>=1e3", Compare("age", ">=", 1000.0)),
        ("age == .5", Compare("age", "==", 0.5)),
        ("sex != 'male'", Compare("sex", "!=", "male")),
        ('sex == "it\'s"', Compare("sex", "==", "it's")),
        (r"sex == 'it\'s'", Compare("sex", "==", "it's")),
        (r"path == 'C:\\temp'", Compare("path", "==", "C:\\temp")),
        ("code == '007'", Compare("code", "==", "007")),
        ("flag == true", Compare("flag", "==", True)),
        ("flag != false", Compare("flag", "!=", False)),
        ("`odd name` == 1", Compare("odd name", "==", 1)),
        ("`and` == 1", Compare("and", "==", 1)),
        ("größe == 1", Compare("größe", "==", 1)),
        ("x in ['a', 'b']", Member("x", ("a", "b"))),
        ("x not in [1, 2.5]", Member("x", (1, 2.5), negated=True)),
        ("x is missing", IsMissing("x")),
        ("x is not missing", IsMissing("x", negated=True)),
        ("not x == 1", Not(Compare("x", "==", 1))),
        ("not not x == 1", Not(Not(Compare("x", "==", 1)))),
        ("(x == 1)", Compare("x", "==", 1)),
        ("x == 1 and y == 2 and z == 3", And((Compare("x", "==", 1), Compare("y", "==", 2), Compare("z", "==", 3)))),
        ("x == 1 or y == 2 and z == 3", Or((Compare("x", "==", 1), And((Compare("y", "==", 2), Compare("z", "==", 3)))))),
        ("(x == 1 or y == 2) and z == 3", And((Or((Compare("x", "==", 1), Compare("y", "==", 2))), Compare("z", "==", 3)))),
        ("not x == 1 and y == 2", And((Not(Compare("x", "==", 1)), Compare("y", "==", 2)))),
        ("x\n==\t1", Compare("x", "==", 1)),
    ],
)
def test_meaning(text: str, meaning: object) -> None:
    assert parse(text) == meaning


def test_integers_stay_integers_while_64_bits_hold_them() -> None:
    assert parse("x == 9223372036854775807") == Compare("x", "==", 9223372036854775807)
    assert parse("x == 9223372036854775808") == Compare("x", "==", 9223372036854775808.0)
    assert isinstance(parse("x == 9223372036854775808").value, float)  # type: ignore[union-attr]  # it is a Compare


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("", 0, "expected a column name, not the end"),
        ("age", 3, "expected a comparison"),
        ("age = 3", 4, "write =="),
        ("age < ", 6, "expected a number"),
        ("age < b", 6, "put texts in quotes: 'b'"),
        ("3 < age", 0, "the column stands on the left"),
        ("age > 1 < 3", 8, "comparisons cannot be chained"),
        ("age == 007", 7, "write '007'"),
        ("age == 1e999", 7, "too large"),
        ("age in []", 8, "expected a number"),
        ("age in [1, 'a']", 11, "not a mixture"),
        ("age in [1, true]", 11, "not a mixture"),
        ("age in 1", 7, "expected '['"),
        ("age is 1", 7, "expected 'missing'"),
        ("flag < true", 7, "have no order"),
        ("(age == 1", 9, "expected ')'"),
        ("age == 1)", 8, "expected and, or, or the end"),
        ("age == 1 and", 12, "expected a column name"),
        ("age == 1 && b == 2", 9, "write and"),
        ("age == 1 | b == 2", 9, "write or"),
        ("!x == 1", 0, "write not"),
        ("age == 'x", 7, "has no end"),
        ("`age == 1", 0, "has no end"),
        (r"age == 'a\n'", 9, "is no escape"),
        ("age == 1abc", 7, "cannot read '1abc'"),
        ("and == 1", 0, "expected a column name"),
        ("__import__('os')", 10, "expected a comparison"),
        ("x == open('a')", 5, "put texts in quotes"),
        ("x.y == 1", 1, "cannot read '.y"),
        ("x == 1; y == 2", 6, "cannot read ';"),
    ],
)
def test_refusal(text: str, offset: int, says: str) -> None:
    with pytest.raises(PredicateError) as caught:
        parse(text)
    assert caught.value.offset == offset
    assert says in str(caught.value)
    assert str(caught.value).endswith(f"at character {offset + 1}")


def test_nesting_is_limited() -> None:
    deep = predicate.MAX_DEPTH
    assert parse("(" * deep + "x == 1" + ")" * deep) == Compare("x", "==", 1)
    for opening in ("(", "not "):
        with pytest.raises(PredicateError, match="nested"):
            parse(opening * 100_000 if len(opening) * 100_000 <= predicate.MAX_LENGTH else opening * (deep + 1) + "x == 1")


def test_length_is_limited() -> None:
    long = " or ".join(["x == 1"] * 990)
    assert len(long) <= predicate.MAX_LENGTH
    assert len(parse(long).operands) == 990  # type: ignore[union-attr]  # it is an Or
    with pytest.raises(PredicateError, match="at most"):
        parse("x == 1" + " " * predicate.MAX_LENGTH)


def test_columns_come_once_in_order_of_appearance() -> None:
    assert columns(parse("b == 1 or not (a in [2] and b is missing) or `c d` == 3")) == ("b", "a", "c d")


names = st.one_of(
    st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True), st.text(st.characters(blacklist_characters="`"), min_size=1, max_size=8)
)
numbers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False))
texts = st.text(max_size=10)
ordered = st.one_of(numbers, texts)
tests = st.one_of(
    st.builds(Compare, names, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), ordered),
    st.builds(Compare, names, st.sampled_from(["==", "!="]), st.booleans()),
    st.builds(
        Member,
        names,
        st.one_of(*(st.lists(each, min_size=1, max_size=4).map(tuple) for each in (numbers, texts, st.booleans()))),
        st.booleans(),
    ),
    st.builds(IsMissing, names, st.booleans()),
)
predicates = st.recursive(
    tests,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=4).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=4).map(tuple)),
    ),
    max_leaves=12,
)


def written(value: object) -> str:
    """A literal as a user writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return repr(value)


def spelt(tree: predicate.Predicate) -> str:
    """A predicate as a user writes it, with every inner part in parentheses."""
    match tree:
        case And(operands):
            return " and ".join(f"({spelt(operand)})" for operand in operands)
        case Or(operands):
            return " or ".join(f"({spelt(operand)})" for operand in operands)
        case Not(operand):
            return f"not ({spelt(operand)})"
        case Member(column, values, negated):
            return f"`{column}` {'not ' if negated else ''}in [{', '.join(map(written, values))}]"
        case IsMissing(column, negated):
            return f"`{column}` is {'not ' if negated else ''}missing"
        case Compare(column, op, value):
            return f"`{column}`{op}{written(value)}"


@given(predicates)
def test_what_is_written_is_what_is_read(tree: predicate.Predicate) -> None:
    assert parse(spelt(tree)) == tree


@given(st.text(alphabet="ab '\"`=!<>()[],.0123456789-+eandortisnmg\\\n", max_size=60))
def test_any_text_is_a_predicate_or_refused_with_a_place(text: str) -> None:
    outcome = attempt(text)
    if isinstance(outcome, PredicateError):
        assert 0 <= outcome.offset <= len(text)
    else:
        assert columns(outcome)


def attempt(text: str) -> predicate.Predicate | PredicateError:
    try:
        return parse(text)
    except PredicateError as error:
        return error


def test_examples_in_the_docstrings_run() -> None:
    assert doctest.testmod(predicate).failed == 0

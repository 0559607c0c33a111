"""The small language of `where:`: `speakers < 1000000 and script in ['Arab', 'Deva']`.

Grammar, loosest first::

    predicate  = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation   = "not" negation | "(" predicate ")" | test
    test       = column ("==" | "!=" | "<" | "<=" | ">" | ">=") literal
               | column ["not"] "in" "[" literal { "," literal } "]"
               | column "is" ["not"] "missing"
    column     = name | "`" any text "`"
    literal    = number | 'text' | "text" | true | false

Nothing is ever evaluated as Python. A test of a missing value is neither true nor false, as in SQL, whatever `not`
stands before it; only `is missing` and `is not missing` see it. An example belongs to the segment when the predicate
is true.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn, cast

Operator = Literal["==", "!=", "<", "<=", ">", ">="]
Value = str | int | float | bool

MAX_LENGTH = 10_000
"""Characters a predicate may have."""

MAX_DEPTH = 50
"""How deep parentheses and `not` may be nested."""


class PredicateError(ValueError):
    """A predicate is not of the grammar. `offset` is the 0-based character where reading stopped."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message}, at character {offset + 1}")
        self.offset = offset


@dataclass(frozen=True)
class Compare:
    """A column against a literal: numbers by size, texts exactly (and `<` in code point order)."""

    column: str
    op: Operator
    value: Value


@dataclass(frozen=True)
class Member:
    """Whether a column's value is one of `values`, which are all text, all numbers or all booleans."""

    column: str
    values: tuple[Value, ...]
    negated: bool = False


@dataclass(frozen=True)
class IsMissing:
    """Whether a column has no value."""

    column: str
    negated: bool = False


@dataclass(frozen=True)
class And:
    """All of two or more."""

    operands: tuple[Predicate, ...]


@dataclass(frozen=True)
class Or:
    """Any of two or more."""

    operands: tuple[Predicate, ...]


@dataclass(frozen=True)
class Not:
    """The opposite."""

    operand: Predicate


Predicate = Compare | Member | IsMissing | And | Or | Not


def parse(text: str) -> Predicate:
    """The predicate that `text` says; `PredicateError` (a `ValueError`) with the position where it stops making sense.

    >>> parse("age >= 65 and sex == 'female'")
    And(operands=(Compare(column='age', op='>=', value=65), Compare(column='sex', op='==', value='female')))
    """
    if len(text) > MAX_LENGTH:
        raise PredicateError(f"a predicate has at most {MAX_LENGTH} characters", MAX_LENGTH)
    return _Parser(text).whole()


def columns(predicate: Predicate) -> tuple[str, ...]:
    """The columns a predicate reads, each once, in order of appearance.

    >>> columns(parse("b == 1 or a == 2 or b == 3"))
    ('b', 'a')
    """
    return tuple(dict.fromkeys(_columns(predicate)))


def _columns(predicate: Predicate) -> Iterator[str]:
    match predicate:
        case And(operands) | Or(operands):
            for operand in operands:
                yield from _columns(operand)
        case Not(operand):
            yield from _columns(operand)
        case Compare() | Member() | IsMissing():
            yield predicate.column


@dataclass(frozen=True)
class _Token:
    sort: Literal["word", "column", "number", "text", "operator", "mark", "end"]
    text: str
    offset: int

    def __str__(self) -> str:
        return "the end" if self.sort == "end" else repr(self.text)


_KEYWORDS = frozenset({"and", "or", "not", "in", "is", "missing", "true", "false"})
_OPERATORS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_PATTERN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<word>[^\W\d]\w*)"
    r"|(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))"
    r"|(?P<column>`[^`]+`)"
    r"""|(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"|(?P<operator>==|!=|<=|>=|<|>)"
    r"|(?P<mark>[()\[\],])",
    re.DOTALL,
)
_INSTEAD = {
    "=": "write == to compare",
    "!": "write not, or !=",
    "&": "write and",
    "|": "write or",
    "'": "the quoted text has no end",
    '"': "the quoted text has no end",
    "`": "the quoted column name has no end, or is empty",
}


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    offset = 0
    while offset < len(text):
        match = _PATTERN.match(text, offset)
        if match is None:
            hint = _INSTEAD.get(text[offset], "quote texts ('…') and odd column names (`…`)")
            raise PredicateError(f"cannot read {text[offset : offset + 12]!r}; {hint}", offset)
        sort = match.lastgroup
        if sort != "space":
            found.append(_Token(sort, match.group(), offset))  # type: ignore[arg-type]  # the groups are the sorts
        offset = match.end()
    return [*found, _Token("end", "", len(text))]


class _Parser:
    """Recursive descent over the tokens; one method per rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    def whole(self) -> Predicate:
        predicate = self._disjunction()
        if self._next.sort != "end":
            if self._next.text in _OPERATORS:
                self._fail("comparisons cannot be chained; join two of them with and")
            self._fail(f"expected and, or, or the end, not {self._next}")
        return predicate

    def _disjunction(self) -> Predicate:
        operands = [self._conjunction()]
        while self._accept("or"):
            operands.append(self._conjunction())
        return operands[0] if len(operands) == 1 else Or(tuple(operands))

    def _conjunction(self) -> Predicate:
        operands = [self._negation()]
        while self._accept("and"):
            operands.append(self._negation())
        return operands[0] if len(operands) == 1 else And(tuple(operands))

    def _negation(self) -> Predicate:
        if not (self._is("not") or self._is("(")):
            return self._test()
        if self._depth == MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} nested parentheses and nots")
        self._depth += 1
        inner = self._nested()
        self._depth -= 1
        return inner

    def _nested(self) -> Predicate:
        if self._accept("not"):
            return Not(self._negation())
        self._expect("(")
        inner = self._disjunction()
        self._expect(")")
        return inner

    def _test(self) -> Predicate:
        column = self._column()
        if self._next.sort == "operator":
            return self._comparison(column)
        if self._accept("is"):
            negated = self._accept("not")
            self._expect("missing")
            return IsMissing(column, negated)
        negated = self._accept("not")
        if not self._accept("in"):
            self._fail(f"expected a comparison (== != < <= > >=), in, or is missing after column {column!r}, not {self._next}")
        return Member(column, self._list(), negated)

    def _comparison(self, column: str) -> Compare:
        op = cast(Operator, self._take().text)
        offset = self._next.offset
        value = self._literal()
        if isinstance(value, bool) and op not in ("==", "!="):
            raise PredicateError(f"true and false have no order; use == or != instead of {op}", offset)
        return Compare(column, op, value)

    def _list(self) -> tuple[Value, ...]:
        self._expect("[")
        values = [self._literal()]
        while self._accept(","):
            offset = self._next.offset
            values.append(self._literal())
            if _family(values[-1]) is not _family(values[0]):
                raise PredicateError("a list holds texts, numbers or true/false, not a mixture", offset)
        self._expect("]")
        return tuple(values)

    def _column(self) -> str:
        token = self._next
        if token.sort == "column":
            return self._take().text[1:-1]
        if token.sort == "word" and token.text not in _KEYWORDS:
            return self._take().text
        if token.sort in ("number", "text"):
            self._fail(f"expected a column name, not the literal {token.text}; the column stands on the left")
        self._fail(f"expected a column name, not {token}")

    def _literal(self) -> Value:
        token = self._next
        if token.sort == "number":
            return _number(self._take())
        if token.sort == "text":
            return _unquoted(self._take())
        if token.text in ("true", "false"):
            return self._take().text == "true"
        if token.sort in ("word", "column"):
            self._fail(f"expected a literal, not the name {token.text}; put texts in quotes: '{token.text.strip('`')}'")
        self._fail(f"expected a number, a 'text', true or false, not {token}")

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _is(self, text: str) -> bool:
        return self._next.sort in ("word", "mark") and self._next.text == text

    def _accept(self, text: str) -> bool:
        if not self._is(text):
            return False
        self._at += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            self._fail(f"expected {text!r}, not {self._next}")

    def _fail(self, message: str) -> NoReturn:
        raise PredicateError(message, self._next.offset)


def _number(token: _Token) -> int | float:
    if re.fullmatch(r"[+-]?0\d+", token.text):
        raise PredicateError(f"{token.text} has a leading zero; write '{token.text}' for the text", token.offset)
    value = float(token.text)
    if re.fullmatch(r"[+-]?\d{1,19}", token.text) and -(2**63) <= int(token.text) < 2**63:
        return int(token.text)
    if not math.isfinite(value):
        raise PredicateError(f"{token.text[:20]} is too large a number", token.offset)
    return value


def _unquoted(token: _Token) -> str:
    def character(match: re.Match[str]) -> str:
        if match[1] not in "\\'\"":
            raise PredicateError(f"{match[0]} is no escape; write \\\\ for a backslash", token.offset + 1 + match.start())
        return match[1]

    return re.sub(r"\\(.)", character, token.text[1:-1], flags=re.DOTALL)


def _family(value: Value) -> type:
    return type(value) if isinstance(value, (bool, str)) else float

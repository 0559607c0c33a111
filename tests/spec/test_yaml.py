"""YAML itself: YAML 1.2 scalars, and everything of YAML that a suite does not use."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.spec.compose import MAX_DEPTH, compose
from harness.spec.faults import Faults
from harness.spec.scalars import resolve
from harness.spec.tree import Leaf, Table, plain
from tests.spec.fakes import SMALL, load, spots


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[
            (word, word)
            for word in ("no", "yes", "on", "off", "y", "N", "2pp", "70%rel", "1_000", "1:30", "2001-01-01", "nan", ".nan", ".inf", "-.inf")
        ],
        *[(word, True) for word in ("true", "True", "TRUE")],
        *[(word, False) for word in ("false", "False", "FALSE")],
        *[(word, None) for word in ("", "~", "null", "Null", "NULL")],
        *[("tRUE", "tRUE"), ("none", "none"), ("None", "None")],
        *[("0", 0), ("007", 7), ("-12", -12), ("+3", 3), ("0o17", 15), ("0xFF", 255)],
        *[("1.5", 1.5), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("-2.5E-1", -0.25)],
        *[("1e999", "1e999"), ("0b11", "0b11"), ("1,5", "1,5"), ("+", "+"), (".", "."), ("e3", "e3")],
    ],
)
def test_scalars_of_yaml_1_2(text: str, value: object) -> None:
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)


def tree(text: str) -> tuple[Table | None, list[str]]:
    faults = Faults()
    found = compose(text, "s.yaml", faults)
    messages = [f"{fault.line}:{fault.column}: {fault.message}" for fault in faults.found]
    return found, messages


def test_values_know_their_places() -> None:
    found, messages = tree("a: 1\nb:\n  - x\n  - {c: 'd e'}\n")
    assert messages == []
    assert found is not None
    assert plain(found) == {"a": 1, "b": ["x", {"c": "d e"}]}
    inner = found.entries["b"].node.items[1].entries["c"]  # type: ignore[union-attr]  # the shape written above
    assert (inner.place.line, inner.place.column) == (4, 6)
    assert (inner.node.place.line, inner.node.place.column) == (4, 9)
    assert (inner.node.at(2).line, inner.node.at(2).column) == (4, 12)


@pytest.mark.parametrize(
    ("source", "known"),
    [
        ("plain text", True),
        ("'quoted'", True),
        ('"quoted"', True),
        ("'it''s'", False),
        (r'"a\tb"', False),
        ("|\n  x", False),
        ("&a x", False),
        ("two\n  lines", False),
    ],
)
def test_when_the_place_of_a_character_can_be_told(source: str, known: bool) -> None:
    found, _ = tree(f"a: {source}\n")
    leaf = found.get("a") if found else None
    assert isinstance(leaf, Leaf)
    assert (leaf.lead is not None) is known
    assert (leaf.at(3) != leaf.place) is known


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "1:1: a suite is a mapping"),
        ("# only a comment\n", "1:1: a suite is a mapping"),
        ("just text", "1:1: a suite is a mapping"),
        ("- a\n- b\n", "1:1: a suite is a mapping"),
        ("a: [1\n", "2:1: not valid YAML: expected ',' or ']'"),
        ("a: b: c\n", "1:5: not valid YAML: mapping values are not allowed here"),
        ("a: 'x\n", "2:1: not valid YAML"),
        ("\ta: 1\n", "1:1: not valid YAML"),
        ("a: \x01\n", "1:4: not valid YAML"),
        ('a: "\\U99999999"\n', "1:1: not valid YAML"),
        ("a: 1\nb: 2\na: 3\n", "3:1: key 'a' is written twice; it stands first on line 1"),
        ("a: {b: 1, b: 1}\n", "1:11: key 'b' is written twice"),
        ("a: *b\n", "1:4: *b refers to no finished anchor"),
        ("a: &x [*x]\n", "1:8: *x refers to no finished anchor"),
        ("a: !!python/object/apply:os.system [x]\n", "1:4: tags (!!python/object/apply:os.system) have no meaning"),
        ("a: !!str 5\n", "1:4: tags (!!str) have no meaning"),
        ("<<: {a: 1}\n", "1:1: merge keys"),
        ("? [a]\n: b\n", "1:3: a key must be a text"),
        ("'': b\n", None),
        ("a: 1\n---\nb: 2\n", "2:1: a second YAML document starts here"),
        ("a: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), f"1:{3 + MAX_DEPTH + 1}: nested more than"),
        ("[" * 100_000, f"1:{MAX_DEPTH + 2}: nested more than"),
    ],
)
def test_what_is_refused(text: str, fault: str | None) -> None:
    _, messages = tree(text)
    if fault is None:
        assert messages == []
    else:
        assert len(messages) == 1
        assert messages[0].startswith(fault)


def test_a_billion_laughs_are_cut_short() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    found, messages = tree("\n".join(lines))
    assert found is None
    assert len(messages) == 1
    assert "more than 50,000 values" in messages[0]


def test_an_anchor_saves_writing(tmp_path: Path) -> None:
    text = SMALL.replace("max_drop: 2pp}", "max_drop: &margin 2pp}\n  f1: {metric: f1, max_drop: *margin}")
    suite = load(tmp_path, text)
    assert suite.checks[0].parameters.max_drop == suite.checks[1].parameters.max_drop


def test_a_fault_in_an_alias_is_told_where_the_value_stands(tmp_path: Path) -> None:
    text = SMALL.replace("max_drop: 2pp}", "max_drop: &margin 2%}\n  f1: {metric: f1, max_drop: *margin}")
    assert [fault.split(": ")[0] for fault in spots(tmp_path, text)] == ["9:42"]


def test_several_small_mistakes_are_told_together() -> None:
    _, messages = tree("a: !x 1\nb: 1\nb: 2\n? {c: d}\n: 3\n")
    assert [message.split(": ")[0] for message in messages] == ["1:4", "3:1", "4:3"]


scalars = st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.text("abc xyz:#'\"-{}[],&*!|>%@`\\é", max_size=12))
documents = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=4),
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
    max_size=4,
)


def in_json(value: object) -> str:
    """JSON is YAML 1.2: quoted texts, literal numbers."""
    import json

    return json.dumps(value, ensure_ascii=False)


@given(documents)
def test_json_is_read_as_what_it_says(document: dict[str, object]) -> None:
    found, messages = tree(in_json(document))
    assert messages == []
    assert found is not None
    assert plain(found) == document

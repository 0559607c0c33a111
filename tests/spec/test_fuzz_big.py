"""Whatever a file holds, the answer is a Suite or a SuiteError whose places lie in the file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.core.suite import Suite
from harness.errors import SuiteError
from harness.spec import load_suite
from tests.spec.fakes import REGISTERS, SMALL
from tests.spec.test_suite import FULL, RECORDED

relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=2500, deadline=None)
SEEDS = (SMALL, FULL, RECORDED)


def judge(folder: Path, content: bytes) -> None:
    """Load it; check that it is a suite, or that every fault is a sentence with a place in the file."""
    path = folder / "s.yaml"
    path.write_bytes(content)
    try:
        suite = load_suite(path, REGISTERS, {})
    except SuiteError as error:
        lines = content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for found in error.faults:
            assert found.path == str(path)
            assert found.message
            assert "\n" not in found.message
            assert 1 <= found.line <= len(lines) + content.count(b"\xe2\x80") + content.count(b"\xc2\x85")
            assert found.column >= 1
    else:
        assert isinstance(suite, Suite)


@relaxed
@given(st.binary(max_size=300))
@example(b'a: "\\U99999999"')
@example(b"\xff\xfe")
@example(b"%YAML 9.9\n---\na: 1")
@example(b"a: !<tag:yaml.org,2002:python/name:os.system> x")
@example("a: \u2028\u0085b: c\n".encode())
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    judge(tmp_path, content)


@relaxed
@given(st.text("ab:-#'\"{}[],&*!|>%@`?\\ \n\t1.~<=${}", max_size=120))
def test_any_yaml_like_text(tmp_path: Path, text: str) -> None:
    judge(tmp_path, text.encode())


@relaxed
@given(st.sampled_from(SEEDS), st.data())
def test_suites_with_a_piece_cut_out_or_put_in(tmp_path: Path, seed: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(seed)))
    end = data.draw(st.integers(start, min(len(seed), start + 20)))
    inserted = data.draw(st.text("ab: {}[],'\"\n-1%&*!~", max_size=8))
    judge(tmp_path, (seed[:start] + inserted + seed[end:]).encode())


WORDS = sorted({*re.findall(r"[a-z_]{2,}", FULL + RECORDED), "extends", "defaults", "requires", "from", "scores", "sklearn"})
"""Keys and values of suites, and what else means something."""

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(allow_nan=False),
    st.sampled_from(WORDS),
    st.sampled_from(["2pp", "2%", "${X}", "", "a > 1"]),
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4), max_leaves=10
)


@relaxed
@given(st.dictionaries(st.sampled_from(WORDS), values, max_size=6))
def test_any_arrangement_of_known_words(tmp_path: Path, document: dict[str, Any]) -> None:
    judge(tmp_path, json.dumps(document).encode())


def parse(text: str) -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(text)


def paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(found for key, value in inner for found in paths(value, (*path, key)))]


@relaxed
@given(st.sampled_from(SEEDS), st.data())
def test_suites_with_one_value_replaced(tmp_path: Path, seed: str, data: st.DataObject) -> None:
    document = parse(seed)
    path = data.draw(st.sampled_from(paths(document)[1:]))
    node = document
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = data.draw(values)
    judge(tmp_path, json.dumps(document).encode())

"""Which files are suites, told without reading them as YAML."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.core.detect import LOOK_BYTES, is_suite_file
from tests.spec.fakes import SMALL


@pytest.mark.parametrize(
    "text",
    [
        SMALL,
        "suite: x\nschema: 1\n",
        "# a comment\n---\nschema: 1\nsuite: x\n",
        "\ufeffschema: 1\nsuite: x\n",
        "\"schema\": 1\n'suite': x\n",
        "schema: 1\r\nsuite: x\r\n",
        "schema:\nsuite:\n",
        "schema : 1\nsuite : x\n",
        "schema: 1\nsuite: [broken\n",
        "schema: 1\nabuot: {{{\nsuite: x\n",
        "schema: 1\nsuite: x\n\0",
    ],
)
def test_suites(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    assert is_suite_file(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "schema: 1\n",
        "suite: x\n",
        "on: push\njobs: {}\n",
        "services:\n  schema: 1\n  suite: x\n",
        "text: |\n  schema: 1\n  suite: x\n",
        "# schema: 1\n# suite: x\n",
        "schemas: 1\nsuites: x\n",
        "schema:1\nsuite:x\n",
        "schema: 1\n#" + "x" * LOOK_BYTES + "\nsuite: x\n",
        "\"schema': 1\nsuite: x\n",
    ],
)
def test_other_peoples_yaml(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    assert not is_suite_file(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_taken_for_a_suite_so_that_the_reader_can_refuse_it(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes("\ufeffschema: 1\nsuite: x\n".removeprefix("\ufeff" if encoding == "utf-16" else "").encode(encoding))
    assert is_suite_file(path)


def test_what_is_no_text_file_at_all(tmp_path: Path) -> None:
    assert not is_suite_file(tmp_path)
    assert not is_suite_file(tmp_path / "nowhere.yaml")
    assert not is_suite_file(Path("a\0b.yaml"))
    assert not is_suite_file(tmp_path / ("x" * 5000))
    os.mkfifo(tmp_path / "pipe.yaml")
    assert not is_suite_file(tmp_path / "pipe.yaml")
    (tmp_path / "link.yaml").symlink_to("link.yaml")
    assert not is_suite_file(tmp_path / "link.yaml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_it_never_fails(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(content)
    assert is_suite_file(path) is False

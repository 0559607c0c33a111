"""The committed JSON Schema of suites is the one the types give, and the shipped suites follow it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

import harness.spec
from harness import wiring
from harness.spec import schema_text

COMMITTED = Path(harness.spec.__file__).parent / "suite.schema.json"
SUITES = sorted(Path(__file__).parents[2].glob("suites/**/*.yaml"))


def test_the_committed_schema_is_current() -> None:
    assert COMMITTED.read_text() == schema_text(wiring.registers()), "run: harness schema --write"


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_the_shipped_suites_follow_the_schema_and_load(path: Path) -> None:
    jsonschema.validate(YAML(typ="safe").load(path.read_text()), json.loads(COMMITTED.read_text()))
    assert wiring.load(path).candidates

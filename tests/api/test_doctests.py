"""Every example of docs/api.md and of the API's docstrings is run."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import harness.api

DOCS = Path(__file__).parents[2] / "docs" / "api.md"


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = doctest.testfile(str(DOCS), module_relative=False, encoding="utf-8")
    assert found.attempted > 25
    assert found.failed == 0


@pytest.mark.parametrize("name", [module.name for module in iter_modules(harness.api.__path__)])
def test_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(import_module(f"harness.api.{name}")).failed == 0


def test_the_page_names_everything_public() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name in ("compare", "load_suite", "run", "judge", "accept"):
        assert name in harness.api.__all__
        assert f"`{name}`" in text or f"import {name}" in text or f"{name}(" in text

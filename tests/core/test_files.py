"""Where files lie."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.core.files import below
from harness.errors import UsageError


def test_a_file_is_named_as_people_write_it(tmp_path: Path) -> None:
    assert below(tmp_path / "suites", "../models/a.onnx") == tmp_path / "models" / "a.onnx"
    assert below(tmp_path, "/elsewhere/a.onnx") == Path("/elsewhere/a.onnx")


def test_a_file_of_an_installed_package_is_found_without_running_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "some_models"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('this package was imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert below(tmp_path, "package:some_models/small/model.safetensors") == package / "small" / "model.safetensors"
    assert "some_models" not in sys.modules


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("package:no_such_models/a.bin", "no package no_such_models is installed here"),
        ("package:json.tool/a.bin", "expected package:NAME/path"),
        ("package:json", "expected package:NAME/path"),
        ("package:json/../../secret", "expected package:NAME/path"),
        ("package:this/a.bin", "no package this is installed here"),  # a module, which holds no files
    ],
)
def test_what_names_no_file_of_a_package(tmp_path: Path, written: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        below(tmp_path, written)

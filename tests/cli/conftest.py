"""A small project over recorded outputs, and the command line as a user types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.door import Door
from tests.cli.material import write_recorded_suite, write_recording


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder, entered."""
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "suites").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def recorded(project: Path) -> Path:
    """A suite over recorded outputs: int8 is fine, int4 lost every Bengali example."""
    write_recording(project / "runs.csv")
    write_recorded_suite(project / "suites" / "recorded.yaml")
    return project


@pytest.fixture
def harness(capsys: pytest.CaptureFixture[str]) -> Door:
    return Door(capsys)

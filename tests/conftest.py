"""Fixtures of the whole test suite."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def _machine_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests have a machine lock of their own, in this process and its children: other runs neither wait for them nor hold them up."""
    folder = tmp_path_factory.getbasetemp() / "machine"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("harness.models.machine.lock_path", lambda: folder / "machine.lock")

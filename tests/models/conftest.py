"""These tests have a lock of their own: other runs on this machine neither wait for them nor hold them up."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.models import machine


@pytest.fixture(autouse=True)
def _own_machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "machine.lock"
    monkeypatch.setattr(machine, "lock_path", lambda: path)

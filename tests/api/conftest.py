"""These tests must not wait for measurements that other processes make on this machine."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _machine_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("machine")
    monkeypatch.setattr("harness.models.machine.lock_path", lambda: folder / "machine.lock")

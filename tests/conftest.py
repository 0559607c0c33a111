"""Fixtures of the whole test suite."""

from __future__ import annotations

import os

import pytest

from harness.core.children import thread_variables

# Read when a numerical library is loaded, which none is yet. Tests run side by side: more threads would wait for each other.
for _name, _threads in thread_variables(1).items():
    os.environ.setdefault(_name, _threads)

pytest_plugins = ["pytester"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may take longest comes first, so that no worker is left alone with it at the end."""
    items.sort(key=_limit, reverse=True)


def _limit(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark else 0.0


@pytest.fixture(autouse=True)
def _machine_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests have a machine lock of their own, in this process and its children: other runs neither wait for them nor hold them up."""
    folder = tmp_path_factory.getbasetemp() / "machine"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("harness.models.machine.lock_path", lambda: folder / "machine.lock")

"""Doors without a process of their own."""

from __future__ import annotations

import pytest

from tests.adversity.door import InProcess


@pytest.fixture
def harness(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> InProcess:
    return InProcess(capsys, monkeypatch)

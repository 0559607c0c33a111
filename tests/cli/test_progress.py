"""Progress bars: drawn on stderr for a person, silent otherwise."""

from __future__ import annotations

import io

import pytest

from harness.cli.progress import TerminalProgress, progress_for
from harness.ports.progress import Silent


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_silent_without_a_terminal_and_when_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(progress_for(quiet=False), Silent)
    monkeypatch.setattr("sys.stderr", _Terminal())
    assert isinstance(progress_for(quiet=True), Silent)
    assert isinstance(progress_for(quiet=False), TerminalProgress)


def test_bars_come_and_go_on_stderr(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    progress = TerminalProgress()
    progress.start("original (clean)", 100)
    progress.start("int8 (clean)", 50)
    progress.advance("original (clean)", 100)
    progress.finish("original (clean)")
    progress.advance("int8 (clean)", 25)
    progress.finish("int8 (clean)")
    progress.finish("never begun")
    assert "original (clean)" in terminal.getvalue()
    assert capsys.readouterr().out == ""
    # It can begin again after everything was done.
    progress.start("noise", 10)
    progress.finish("noise")

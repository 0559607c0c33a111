"""`harness init` at a terminal: what it asks, and what it makes of the answers."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from harness import wiring
from tests.cli.material import NEARLY_RIGHT, RIGHT, linear, write_people


def converse(arguments: list[str], answers: list[tuple[str, str]], cwd: Path) -> tuple[int, str]:
    """Run it at a pseudo-terminal; type each answer when its question has appeared. Status and everything seen."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", f"from harness.cli import main; main({arguments!r})"]
    running = subprocess.Popen(command, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    seen, waiting = "", list(answers)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                seen += os.read(ours, 65_536).decode()
            except OSError:  # Linux says so when the other end is closed
                break
        if waiting and waiting[0][0] in seen:
            os.write(ours, waiting.pop(0)[1].encode() + b"\n")
        if running.poll() is not None and not select.select([ours], [], [], 0)[0]:
            break
    os.close(ours)
    return running.wait(timeout=10), seen


def test_it_asks_for_the_target_and_takes_no_wrong_answer(project: Path) -> None:
    linear(project / "income.onnx", RIGHT)
    linear(project / "income.int8.onnx", NEARLY_RIGHT)
    write_people(project / "people.csv")
    answers = [("right answers?", "incom"), ("did you mean 'income'?", "income"), ("by itself?", "-")]
    status, seen = converse(["init", "income.onnx", "income.int8.onnx", "people.csv"], answers, project)
    assert status == 0, seen
    suite = wiring.load(project / "suites" / "income.yaml")
    assert suite.data["test"].target == "income"
    assert suite.data["test"].segments == ()


def test_ctrl_d_ends_it_without_a_traceback(project: Path) -> None:
    linear(project / "income.onnx", RIGHT)
    linear(project / "income.int8.onnx", NEARLY_RIGHT)
    write_people(project / "people.csv")
    status, seen = converse(["init", "income.onnx", "income.int8.onnx", "people.csv"], [("right answers?", "\x04")], project)
    assert status == 130
    assert "Traceback" not in seen
    assert list((project / "suites").iterdir()) == []

"""How long a door takes to open, against a bare interpreter in the same run."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "arguments",
    [["-c", "pass"], ["-c", "from harness.cli import main; main(['--help'])"], ["-c", "from harness import wiring; wiring.registers()"]],
    ids=["bare interpreter", "harness --help", "wiring"],
)
def test_start(benchmark: BenchmarkFixture, arguments: list[str]) -> None:
    done = benchmark.pedantic(lambda: subprocess.run([sys.executable, *arguments], capture_output=True, check=True), rounds=5)
    assert done.returncode == 0

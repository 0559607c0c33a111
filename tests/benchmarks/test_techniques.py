"""How fast and how large each technique leaves a network, against the same network exported to ONNX: one thread, one runtime.

Nothing is asserted of a duration; the table is printed. Of a network this small (55,000 weights, images of 8 × 8) calls
cost more than sums: what a technique is worth on a larger one has to be measured there, which is what the check `latency` does.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from ruamel.yaml import YAML

from harness.compress.builtin import TECHNIQUES
from harness.compress.runtime import session
from harness.core.models import Step
from tests.compress.conftest import Net, digits
from tests.compress.test_maker import candidate, maker
from tests.suites.test_every_technique import TECHNIQUES as STEPS

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

__all__ = ["digits"]

BATCH, ROUNDS = 64, 30
FASTER = ("channels", "static")
"""Of these more speed is expected: fewer channels to sum over, and integer sums of static ranges with a scale per channel."""


@dataclass
class Table:
    """Speed and size of each candidate, as ratios to the exported network's."""

    original: Path
    rows: dict[str, tuple[float, float]] = field(default_factory=dict)

    def told(self) -> Iterator[str]:
        """One line per candidate, the fastest first."""
        yield f"{'technique':<20} {'speed':>7} {'size':>7}   (against the exported network, batches of {BATCH}, one thread)"
        for name, (speed, size) in sorted(self.rows.items(), key=lambda row: -row[1][0]):
            yield f"{name:<20} {speed:>6.2f}× {size:>7.0%}{'   slower than expected' if name in FASTER and speed <= 1 else ''}"


def step(text: str) -> Step:
    """A step as a suite writes it."""
    ((name, given),) = YAML(typ="safe").load(f"{{{text}}}").items()
    kind = next(kind for kind in TECHNIQUES if kind.name == name)
    assert kind.shorthand is not None or isinstance(given, dict)
    return Step(name, kind.parameters.model_validate(given if isinstance(given, dict) else {kind.shorthand: given}))


def made(net: Net, cache: Path, *steps: Step) -> Path:
    """The file that the steps leave."""
    right = net.targets[:600]

    def score(model: Any, answer: Any, data: str) -> float:
        return float((answer({net.tensor: net.rows[:600]})["logits"].argmax(1) == right).mean())

    makes = maker(net, cache, score=score, lessons=lambda model, data, rows: net.lessons(data, rows))
    return makes.make(candidate(net, *steps), net.spec).folder / "model.onnx"


@pytest.fixture(scope="module")
def table(digits: Net, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Table]:
    """What was measured; printed when the last one is."""
    found = Table(made(digits, tmp_path_factory.mktemp("original"), step("export: onnx")))
    yield found
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("\n" + "\n".join(found.told()))


def seconds(running: Any, given: Mapping[str, Any]) -> float:
    """One call."""
    began = time.perf_counter()
    running.run(None, given)
    return time.perf_counter() - began


@pytest.mark.parametrize("name", STEPS)
def test_speed_and_size(benchmark: BenchmarkFixture, digits: Net, table: Table, tmp_path: Path, name: str) -> None:
    path = made(digits, tmp_path, step(STEPS[name][0]))
    given = {digits.tensor: digits.rows[:BATCH]}
    original, candidate_of_it = session(table.original), session(path)
    assert candidate_of_it.run(None, given)[0].shape == (BATCH, 10)
    for running in (original, candidate_of_it):
        seconds(running, given)
    ratios = []
    for number in range(ROUNDS):
        # Turn about, so that a machine that gets slower is so for both.
        first, second = (original, candidate_of_it) if number % 2 else (candidate_of_it, original)
        taken = {id(running): seconds(running, given) for running in (first, second)}
        ratios.append(taken[id(original)] / taken[id(candidate_of_it)])
    speed, size = statistics.median(ratios), path.stat().st_size / table.original.stat().st_size
    table.rows[name] = (speed, size)
    benchmark.extra_info |= {"speed": round(speed, 3), "size": round(size, 3)}
    benchmark.pedantic(lambda: candidate_of_it.run(None, given), rounds=ROUNDS)
    assert np.isfinite(candidate_of_it.run(None, given)[0]).all()

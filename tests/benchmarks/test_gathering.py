"""What gathering adds to a bare loop over the same batches: the shipped language model and 20,000 phrases of its test data."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from harness import wiring
from harness.catalogue.entrypoints import load_shielded
from harness.core.models import ModelSpec
from tests.models.fakes import MemoryDataset, observer

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")
pytest.importorskip("pytest_benchmark")

SUITES = Path(__file__).parents[2] / "suites"
ROWS = 20_000


def phrases() -> MemoryDataset:
    table = load_shielded("languages.phrases:test", SUITES)().slice(0, ROWS)
    assert len(table) == ROWS
    columns = {name: table.column(name).to_pylist() for name in ("id", "text", "language")}
    return MemoryDataset(columns, target="language")


def bare_loop(model: ModelSpec, dataset: MemoryDataset, start: int) -> tuple[float, np.ndarray]:
    """Seconds per row, and the answers, of the same step and network over the same batches from row `start` on, in this process."""
    net = load_shielded("languages.nets:build", SUITES)()
    net.load_state_dict(safetensors.load_file(SUITES / "languages" / "weights.safetensors"))
    net.eval()
    encode = load_shielded("languages.prep:encode", SUITES)
    answers = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    began = time.perf_counter()
    with torch.inference_mode():
        for batch in dataset.batches(["text"], model.batch_size, start):
            answers.append(net(torch.from_numpy(encode(batch.column("text").to_numpy(zero_copy_only=False)))).numpy())
    seconds = time.perf_counter() - began
    torch.set_num_threads(threads)
    joined = np.concatenate(answers)
    return seconds / len(joined), joined


def gathered_loop(model: ModelSpec, dataset: MemoryDataset) -> tuple[float, np.ndarray, int]:
    """Seconds per row, the answers, and the row of the first, of gathering without its first chunk: the start of the worker is left out."""
    chunks = observer().observe(model, SUITES, dataset)
    start = len(next(chunks).status)
    began = time.perf_counter()
    joined = np.concatenate([chunk.values for chunk in chunks])
    return (time.perf_counter() - began) / len(joined), joined, start


@pytest.mark.slow
def test_gathering_against_a_bare_loop(benchmark: object) -> None:
    model, dataset = wiring.load(SUITES / "languages.yaml").original, phrases()
    ratios = []

    def both() -> None:
        gathering, answers, start = gathered_loop(model, dataset)
        bare, expected = bare_loop(model, dataset, start)
        np.testing.assert_allclose(answers, expected, rtol=1e-3, atol=1e-4)
        ratios.append(gathering / bare)
        print(f"\nbare loop {bare * 1e6:.1f} µs per row, gathering {gathering * 1e6:.1f} µs per row, ratio {gathering / bare:.3f}")

    benchmark.pedantic(both, rounds=3, iterations=1)  # type: ignore[attr-defined]  # pytest-benchmark's fixture
    print(f"gathering of {ROWS:,} rows takes {np.median(ratios):.3f} × a bare loop (median of {len(ratios)})")  # what a benchmark is for

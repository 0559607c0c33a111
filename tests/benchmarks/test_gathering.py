"""What gathering adds to a bare loop over the same batches: a small text model, byte by byte, 20,000 phrases."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.core.models import InputSpec, OutputSpec, OutputType, Task
from harness.models.chunks import MAX_ROWS
from tests.models.fakes import MemoryDataset, module, observer, onnx_spec, save

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("pytest_benchmark")

ROWS = 20_000
BATCH = 64
LABELS = tuple(f"l{index}" for index in range(48))
STEP = """
    import numpy as np

    LENGTH = 64

    def encode(texts):
        rows = np.zeros((len(texts), LENGTH), np.int64)
        for row, text in enumerate(texts):
            content = np.frombuffer(text.encode()[:LENGTH], np.uint8)
            rows[row, : len(content)] = content + 1
        return rows
"""


def byte_model(path: Path) -> None:
    """Bytes → embedding → two convolutions → mean → classes; about 170,000 parameters."""
    generator = np.random.default_rng(0)

    def weight(name: str, *shape: int) -> object:
        return numpy_helper.from_array((generator.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32), name)

    nodes = [
        helper.make_node("Gather", ["embedding", "tokens"], ["e"]),
        helper.make_node("Transpose", ["e"], ["t"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["t", "c1"], ["h1"], pads=[2, 2]),
        helper.make_node("Relu", ["h1"], ["r1"]),
        helper.make_node("Conv", ["r1", "c2"], ["h2"], pads=[2, 2]),
        helper.make_node("Relu", ["h2"], ["r2"]),
        helper.make_node("ReduceMean", ["r2", "axes"], ["m"], keepdims=0),
        helper.make_node("MatMul", ["m", "out"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "bytes",
        [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", 64])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(LABELS)])],
        [
            weight("embedding", 257, 64),
            weight("c1", 160, 64, 5),
            weight("c2", 128, 160, 5),
            weight("out", 128, len(LABELS)),
            numpy_helper.from_array(np.array([2], np.int64), "axes"),
        ],
    )
    save(graph, path)


def phrases() -> MemoryDataset:
    generator = np.random.default_rng(1)
    words = ["".join(generator.choice(list("abcdefghijklmnopqrstuvwxyzäöü"), size=length)) for length in generator.integers(2, 10, 500)]
    texts = [" ".join(generator.choice(words, size=count)) for count in generator.integers(1, 6, ROWS)]
    return MemoryDataset({"id": [f"e{row}" for row in range(ROWS)], "text": texts, "y": [LABELS[row % 48] for row in range(ROWS)]})


def bare_loop(root: Path, dataset: MemoryDataset) -> tuple[float, np.ndarray]:
    """Seconds per row, and the answers, of the same step and session over the same batches, in this process."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(root / "m.onnx"), options, providers=["CPUExecutionProvider"])
    space: dict[str, object] = {}
    exec((root / "prep.py").read_text(), space)
    encode = space["encode"]
    answers = []
    began = time.perf_counter()
    for batch in dataset.batches(["text"], BATCH, MAX_ROWS):
        answers.append(session.run(None, {"tokens": encode(batch.column("text").to_numpy(zero_copy_only=False))})[0])  # type: ignore[operator]  # the step
    joined = np.concatenate(answers)
    return (time.perf_counter() - began) / len(joined), joined


def gathered_loop(root: Path, dataset: MemoryDataset) -> tuple[float, np.ndarray]:
    """Seconds per row, and the answers, of gathering, from the first chunk on, so that the start of the worker is left out."""
    output = OutputSpec(OutputType.LOGITS, Task.MULTICLASS, name="logits", labels=LABELS)
    spec = onnx_spec("m.onnx", (InputSpec("tokens", ("text",), step="prep:encode"),), output, batch_size=BATCH)
    chunks = observer().observe(spec, root, dataset)
    next(chunks)
    began = time.perf_counter()
    joined = np.concatenate([chunk.values for chunk in chunks])
    return (time.perf_counter() - began) / len(joined), joined


@pytest.mark.slow
def test_gathering_against_a_bare_loop(tmp_path: Path, benchmark: object) -> None:
    module(tmp_path, "prep", STEP)
    byte_model(tmp_path / "m.onnx")
    dataset = phrases()
    ratios = []

    def both() -> None:
        (bare, expected), (gathering, answers) = bare_loop(tmp_path, dataset), gathered_loop(tmp_path, dataset)
        np.testing.assert_allclose(answers, expected, rtol=1e-4, atol=1e-5)
        ratios.append(gathering / bare)
        print(f"\nbare loop {bare * 1e6:.1f} µs per row, gathering {gathering * 1e6:.1f} µs per row, ratio {gathering / bare:.3f}")

    benchmark.pedantic(both, rounds=5, iterations=1)  # type: ignore[attr-defined]  # pytest-benchmark's fixture
    print(f"gathering of {ROWS:,} rows takes {np.median(ratios):.3f} × a bare loop (median of {len(ratios)})")  # what a benchmark is for

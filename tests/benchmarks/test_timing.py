"""Whether the timings of the check `latency` are those of the model: here, where nothing else runs beside them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from harness.core.timing import InputSize
from harness.ports.timing import Pace
from tests.models.fakes import MemoryDataset, onnx_spec, save
from tests.models.test_timing import X, measured, numbers

pytestmark = pytest.mark.slow

__all__ = ["numbers"]


def test_timings_agree_with_those_of_the_bare_session(tmp_path: Path, numbers: MemoryDataset) -> None:
    """The two-process, interleaved medians, and ONNX Runtime timed by hand in this process, within the spread of either."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    weights = [numpy_helper.from_array(random.normal(0, 0.05, (512, 512)).astype(np.float32), f"w{i}") for i in range(12)]
    first = numpy_helper.from_array(random.normal(0, 1, (2, 512)).astype(np.float32), "first")
    nodes = [helper.make_node("MatMul", ["x", "first"], ["h0"])]
    nodes += [helper.make_node("MatMul", [f"h{i}", f"w{i}"], [f"h{i + 1}" if i < 11 else "logits"]) for i in range(12)]
    graph = helper.make_graph(
        nodes,
        "wide",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 512])],
        [first, *weights],
    )
    save(graph, tmp_path / "m.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), options, providers=["CPUExecutionProvider"])
    x = random.normal(size=(32, 2)).astype(np.float32)

    def by_hand() -> float:
        durations = []
        for _ in range(100):
            began = time.perf_counter_ns()
            session.run(None, {"x": x})
            durations.append(time.perf_counter_ns() - began)
        return float(np.median(durations))

    before = [by_hand() for _ in range(5)]
    spec = onnx_spec("m.onnx", X)
    found = measured([spec, spec], tmp_path, numbers, InputSize(32), Pace(8, 50, 1, 0))
    after = [by_hand() for _ in range(5)]
    mine = np.array([np.median(each.durations[0]) for each in found])
    bare = np.array(before + after)
    # Robust: on a shared machine any single block may be disturbed, the quickest ones hardly.
    allowed = 0.15 + 2 * max(bare.std() / bare.mean(), mine.std() / mine.mean())
    assert abs(np.log(np.quantile(mine, 0.25) / np.quantile(bare, 0.25))) < allowed

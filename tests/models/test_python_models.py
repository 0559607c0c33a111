"""Python models and the steps that make inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from harness.core.models import InputSpec, OutputSpec, OutputType, Task
from harness.errors import ModelError
from tests.models.fakes import MemoryDataset, expected_linear, gathered, linear_onnx, module, observer, onnx_spec, python_spec

ANY = OutputSpec(OutputType.VALUES, Task.REGRESSION)


def test_without_input_every_column_is_given(tmp_path: Path) -> None:
    module(
        tmp_path,
        "m",
        """
        import numpy as np

        def answer(batch):
            assert sorted(batch) == ["flag", "id", "missing", "number", "text", "y"], sorted(batch)
            assert batch["text"].dtype == object and batch["text"][1] is None, batch["text"]
            assert batch["number"].dtype == np.float32
            assert np.isnan(batch["missing"][0]) and batch["missing"][1] == 4
            assert batch["flag"].dtype == bool
            return np.array([len(text or "") for text in batch["text"]]) + batch["number"]
        """,
    )
    table = {
        "id": ["p", "q"],
        "text": ["héllo", None],
        "number": pa.array([0.5, 2], pa.float32()),
        "missing": pa.array([None, 4], pa.int64()),
        "flag": [True, False],
        "y": [1.0, 2.0],
    }
    assert gathered(python_spec("m:answer", ANY), tmp_path, MemoryDataset(table)).values.tolist() == [5.5, 2.0]


def test_with_input_it_is_given_tensors(tmp_path: Path) -> None:
    module(tmp_path, "m", "def answer(batch, times):\n    assert set(batch) == {'t'}\n    return batch['t'].sum(axis=1) * times\n")
    dataset = MemoryDataset({"id": ["p", "q"], "u": ["1", "2"], "v": ["10", "20"], "y": [0.0, 0.0]})
    spec = python_spec("m:answer", ANY, (InputSpec("t", ("u", "v"), dtype="float64"),), kwargs={"times": 3})
    outputs = gathered(spec, tmp_path, dataset)
    assert outputs.values.tolist() == [33.0, 66.0]
    assert outputs.values.dtype == np.float64


def test_a_class_is_made_once(tmp_path: Path) -> None:
    module(
        tmp_path,
        "m",
        """
        import numpy as np

        class Model:
            def __init__(self, start):
                self.calls = start

            def __call__(self, batch):
                self.calls += 1
                return {"out": np.full(len(batch["id"]), self.calls)}
        """,
    )
    dataset = MemoryDataset({"id": [str(row) for row in range(5)], "y": [0.0] * 5})
    assert gathered(python_spec("m:Model", ANY, kwargs={"start": 10}, batch_size=2), tmp_path, dataset).values.tolist() == [
        11,
        11,
        12,
        12,
        13,
    ]


def test_neighbours_of_the_suite_can_be_imported(tmp_path: Path) -> None:
    module(tmp_path, "neighbour", "FACTOR = 7\n")
    module(tmp_path, "m", "import neighbour\ndef answer(batch):\n    return [neighbour.FACTOR] * len(batch['id'])\n")
    dataset = MemoryDataset({"id": ["p"], "y": [0.0]})
    spec = python_spec("m:answer", ANY, version="1")
    assert gathered(spec, tmp_path, dataset).values.tolist() == [7]
    before = observer().fingerprint(spec, tmp_path)
    module(tmp_path, "neighbour", "FACTOR = 8\n")
    assert observer().fingerprint(spec, tmp_path) != before


def test_without_version_evidence_is_never_reused(tmp_path: Path) -> None:
    module(tmp_path, "m", "def answer(batch): ...\n")
    assert observer().fingerprint(python_spec("m:answer"), tmp_path) is None
    one, two = (observer().fingerprint(python_spec("m:answer", version=version), tmp_path) for version in ("1", "2"))
    assert one is not None
    assert two is not None
    assert one != two
    assert observer().fingerprint(python_spec("m:answer", version="1", kwargs={"a": 1}), tmp_path) != one


STEPS = """
    import numpy as np

    def lengths(texts):
        assert texts.dtype == object
        return np.array([[len(text), text.count("a")] for text in texts], dtype=np.int32)

    def ratio(u, v):
        return np.stack([u / v, u * v], axis=1)

    def wrong(u):
        return np.zeros((1, 2))

    def fails(texts):
        if "bad" in texts.tolist():
            raise KeyError("bad")
        return lengths(texts)
"""


def test_a_step_makes_the_input(tmp_path: Path) -> None:
    module(tmp_path, "prep", STEPS)
    linear_onnx(tmp_path / "m.onnx")
    dataset = MemoryDataset({"id": ["p", "q"], "t": ["banana", ""], "y": ["a", "b"]})
    outputs = gathered(onnx_spec("m.onnx", (InputSpec("x", ("t",), step="prep:lengths"),)), tmp_path, dataset)
    np.testing.assert_allclose(outputs.values, expected_linear(np.array([[6, 3], [0, 0]])))


def test_a_step_takes_several_columns(tmp_path: Path) -> None:
    module(tmp_path, "prep", STEPS)
    linear_onnx(tmp_path / "m.onnx")
    dataset = MemoryDataset({"id": ["p"], "u": [3.0], "v": [2.0], "y": ["a"]})
    outputs = gathered(onnx_spec("m.onnx", (InputSpec("x", ("u", "v"), step="prep:ratio"),)), tmp_path, dataset)
    np.testing.assert_allclose(outputs.values, expected_linear(np.array([[1.5, 6]])))


def test_a_step_that_loses_the_batch_is_an_error(tmp_path: Path) -> None:
    module(tmp_path, "prep", STEPS)
    linear_onnx(tmp_path / "m.onnx")
    dataset = MemoryDataset({"id": ["p", "q"], "u": [3.0, 1.0], "y": ["a", "a"]})
    with pytest.raises(ModelError, match=r"step 'prep:wrong' returned an array of shape \(1, 2\) for a batch of 2"):
        gathered(onnx_spec("m.onnx", (InputSpec("x", ("u",), step="prep:wrong"),)), tmp_path, dataset)


def test_a_step_that_raises_costs_the_example(tmp_path: Path) -> None:
    module(tmp_path, "prep", STEPS)
    linear_onnx(tmp_path / "m.onnx")
    dataset = MemoryDataset({"id": list("pqrs"), "t": ["x", "bad", "y", "z"], "y": ["a"] * 4})
    outputs = gathered(onnx_spec("m.onnx", (InputSpec("x", ("t",), step="prep:fails"),)), tmp_path, dataset)
    assert outputs.ok.tolist() == [True, False, True, True]
    assert outputs.messages == {1: "KeyError: 'bad'"}


def test_the_source_of_a_step_is_part_of_the_identity(tmp_path: Path) -> None:
    module(tmp_path, "prep", STEPS)
    linear_onnx(tmp_path / "m.onnx")
    spec = onnx_spec("m.onnx", (InputSpec("x", ("t",), step="prep:lengths"),))
    before = observer().fingerprint(spec, tmp_path)
    assert observer().fingerprint(spec, tmp_path) == before
    module(tmp_path, "prep", STEPS + "\n# changed\n")
    assert observer().fingerprint(spec, tmp_path) != before


@pytest.mark.parametrize(("dtype", "expected"), [("score", np.float32), ("vector", np.float32)])
def test_scores_and_vectors(tmp_path: Path, dtype: str, expected: type) -> None:
    body = "np.arange(n)[:, None]" if dtype == "score" else "np.ones((n, 4)) * np.arange(n)[:, None]"
    module(tmp_path, "m", f"import numpy as np\ndef answer(batch):\n    n = len(batch['id'])\n    return ({body}).astype('float32')\n")
    task = Task.RANKING if dtype == "score" else Task.REGRESSION
    spec = python_spec("m:answer", OutputSpec(OutputType(dtype), task, group="g" if dtype == "score" else None))
    values = gathered(spec, tmp_path, MemoryDataset({"id": list("abc"), "y": [0.0] * 3})).values
    assert values.dtype == expected
    assert values.tolist() == ([0, 1, 2] if dtype == "score" else [[row] * 4 for row in range(3)])


def test_a_worker_starts_without_pandas(tmp_path: Path) -> None:
    """Arrow imports it at the slightest occasion, which costs each worker a quarter of a second."""
    module(tmp_path, "m", "import sys\ndef answer(batch):\n    return [float('pandas' in sys.modules)] * len(batch['id'])\n")
    table = {"id": ["p", None], "x": [1, None], "z": [0.5, 1], "f": [True, False], "y": [0.0, 0.0], "l": [[1, 2], [3, 4]]}
    assert gathered(python_spec("m:answer", ANY), tmp_path, MemoryDataset(table)).values.tolist() == [0, 0]


def test_tokens_are_gathered_with_their_targets(tmp_path: Path) -> None:
    """Class 1 gets log 3 more than the two others: probability 3/5, the others 1/5."""
    module(
        tmp_path,
        "m",
        """
        import numpy as np

        def answer(batch):
            if "e41" in batch["id"].tolist():
                raise RuntimeError("not this one")
            logits = np.zeros((len(batch["id"]), 4, 3), np.float32)
            logits[:, :, 1] = np.log(3)
            return logits
        """,
    )
    lengths = [row % 4 + 1 for row in range(70)]
    targets = [[row % 3] * length for row, length in enumerate(lengths)]
    dataset = MemoryDataset({"id": [f"e{row}" for row in range(70)], "y": targets})
    outputs = gathered(python_spec("m:answer", OutputSpec(OutputType.LOGITS, Task.TOKENS), batch_size=16), tmp_path, dataset)
    assert np.flatnonzero(~outputs.ok).tolist() == [41]
    assert outputs.offsets is not None
    assert outputs.token_log_probs is not None
    lengths[41] = 0
    assert np.diff(outputs.offsets).tolist() == lengths
    assert set(outputs.values.tolist()) == {1}
    expected = [np.log(3 / 5 if row % 3 == 1 else 1 / 5) for row, length in enumerate(lengths) for _ in range(length)]
    np.testing.assert_allclose(outputs.token_log_probs, expected, rtol=1e-5)

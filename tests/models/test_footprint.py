"""What models weigh, and kinds of third parties."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.arrays.footprint import Footprint, Weights
from harness.catalogue import Kind, Parameters
from harness.core.models import InputSpec, ModelSpec, OutputSpec, OutputType, Task
from harness.errors import ModelError
from harness.models.observer import ModelObserver
from harness.models.weighing import gzip_size
from harness.ports.model import Tensor
from tests.models.fakes import LOGITS3, MemoryDataset, kinds, linear_onnx, module, observer, onnx_spec, python_spec

X = (InputSpec("x", ("u", "v")),)
MB = 10**6


@pytest.fixture
def numbers() -> MemoryDataset:
    return MemoryDataset({"id": ["p", "q"], "u": [1.0, 2.0], "v": [3.0, 4.0], "y": ["a", "b"]})


def test_an_onnx_model(tmp_path: Path, numbers: MemoryDataset) -> None:
    linear_onnx(tmp_path / "m.onnx")
    footprint = observer().footprint(onnx_spec("m.onnx", X), tmp_path, numbers)
    assert footprint.disk_bytes == (tmp_path / "m.onnx").stat().st_size
    assert footprint.gzip_bytes == len(gzip.compress((tmp_path / "m.onnx").read_bytes(), 6))
    assert footprint.weights == Weights(9, 6, 0, 32.0)
    assert footprint.load_seconds is not None
    assert 0 < footprint.load_seconds < 0.5
    assert footprint.peak_memory is not None
    assert footprint.peak_memory < 50 * MB


@pytest.mark.parametrize(("keeps", "uses", "low", "high"), [(80, 0, 80, 95), (0, 120, 120, 135), (80, 120, 200, 215), (0, 0, 0, 15)])
def test_peak_memory_is_what_loading_and_one_batch_take(tmp_path: Path, keeps: int, uses: int, low: int, high: int) -> None:
    """A model that holds and uses known amounts; the import of a library before it that took 300 MB does not count."""
    module(tmp_path, "heavy", "import numpy as np\nnp.ones(300_000_000, np.uint8).sum()\n")
    module(
        tmp_path,
        "m",
        """
        import numpy as np

        class Model:
            def __init__(self, keeps, uses):
                self.kept, self.uses = np.ones(keeps * 1_000_000, np.uint8), uses

            def __call__(self, batch):
                used = np.ones(self.uses * 1_000_000, np.uint8)
                return np.zeros((len(batch["id"]), 3)) + used.sum() * 0
        """,
    )
    dataset = MemoryDataset({"id": ["p"], "y": ["a"]})
    footprint = observer().footprint(python_spec("m:Model", kwargs={"keeps": keeps, "uses": uses}), tmp_path, dataset)
    assert footprint.peak_memory is not None
    assert low * MB <= footprint.peak_memory <= high * MB
    assert (footprint.disk_bytes, footprint.gzip_bytes, footprint.weights) == (None, None, None)


def test_load_time_is_the_models_own(tmp_path: Path) -> None:
    module(
        tmp_path,
        "m",
        """
        import time
        import numpy as np

        class Model:
            def __init__(self):
                time.sleep(0.4)

            def __call__(self, batch):
                time.sleep(1)
                return np.zeros((len(batch["id"]), 3))
        """,
    )
    footprint = observer().footprint(python_spec("m:Model"), tmp_path, MemoryDataset({"id": ["p"], "y": ["a"]}))
    assert footprint.load_seconds is not None
    assert 0.4 <= footprint.load_seconds < 0.8


def test_a_model_that_cannot_be_weighed_is_an_error(tmp_path: Path, numbers: MemoryDataset) -> None:
    with pytest.raises(ModelError, match="there is no ONNX model"):
        observer().footprint(onnx_spec("m.onnx", X), tmp_path, numbers)
    module(tmp_path, "m", "import os\nos.abort()\n")
    with pytest.raises(ModelError, match="loading it was killed by SIGABRT"):
        observer().footprint(python_spec("m:answer"), tmp_path, numbers)


PICKY = """
    import os
    import time
    import numpy as np

    class Picky:
        def __init__(self, dies=(), hangs=()):
            self.dies, self.hangs = set(dies), set(hangs)

        def __call__(self, batch):
            ids = set(batch["id"].tolist())
            if ids & self.dies:
                os.abort()
            if ids & self.hangs:
                time.sleep(60)
            return np.zeros((len(ids), 3)) + np.ones(120_000_000, np.uint8).sum() * 0
"""


def picky(folder: Path, rows: int, timeout: float = 60.0, **kwargs: Any) -> Footprint:
    """The footprint of a model that takes 120 MB for a batch of four rows, and does not like some of them."""
    module(folder, "m", PICKY)
    dataset = MemoryDataset({"id": [str(row) for row in range(rows)], "y": ["a"] * rows})
    return observer().footprint(python_spec("m:Picky", batch_size=4, timeout=timeout, kwargs=kwargs), folder, dataset)


@pytest.mark.parametrize(
    ("dislikes", "note"),
    [
        ({"dies": ["2"]}, "its peak memory was measured on batch 2, since on the first batch its worker was killed by SIGABRT"),
        ({"dies": ["0", "5"]}, "its peak memory was measured on batch 3, since on the first 2 batches its worker was killed by SIGABRT"),
        ({"hangs": ["3"], "timeout": 3.0}, "measured on batch 2, since on the first batch it gave no answer within 3 s"),
        ({"dies": ["7"]}, ""),
    ],
)
def test_a_batch_that_the_model_does_not_survive_does_not_hide_what_it_weighs(tmp_path: Path, dislikes: dict[str, Any], note: str) -> None:
    found = picky(tmp_path, 12, **dislikes)
    assert note in found.note
    assert bool(found.note) == bool(note)
    assert found.peak_memory is not None
    assert 120 * MB <= found.peak_memory <= 140 * MB


def test_the_memory_of_a_model_that_survives_no_batch_is_not_known(tmp_path: Path) -> None:
    """At rest it takes less than at work: that would flatter it."""
    found = picky(tmp_path, 8, dies=["1", "6"])
    assert found.peak_memory is None
    assert found.load_seconds is not None
    assert found.note.startswith("its peak memory is not known: on each of the first 2 batches its worker was killed by SIGABRT")


def test_a_model_that_dies_now_and_then_is_an_error(tmp_path: Path) -> None:
    once = """
        import os
        import numpy as np

        def answer(batch):
            if os.path.exists(PATH):
                os.abort()
            open(PATH, "w").close()
            return np.zeros((len(batch["id"]), 3))
    """
    module(tmp_path, "m", once.replace("PATH", repr(str(tmp_path / "once"))))
    with pytest.raises(ModelError, match="on a batch that it had answered before its worker was killed by SIGABRT"):
        observer().footprint(python_spec("m:answer"), tmp_path, MemoryDataset({"id": ["p"], "y": ["a"]}))


def test_the_footprint_of_a_model_for_an_empty_data_set(tmp_path: Path, numbers: MemoryDataset) -> None:
    linear_onnx(tmp_path / "m.onnx")
    empty = MemoryDataset(numbers.table.slice(0, 0))
    assert observer().footprint(onnx_spec("m.onnx", X), tmp_path, empty).weights is not None


def test_gzip_is_streamed(tmp_path: Path) -> None:
    content = np.random.default_rng(0).integers(0, 4, 3_000_000).astype(np.uint8).tobytes()
    (tmp_path / "big").write_bytes(content)
    assert gzip_size([tmp_path / "big"]) == len(gzip.compress(content, 6))


class CountingParameters(Parameters):
    """Parameters of a kind that another package brings."""

    path: Path
    factor: float = 1.0


class CountingModel:
    """Answers with the length of its file times the input."""

    def __init__(self, size: float) -> None:
        self.size = size

    def inputs(self) -> tuple[Tensor, ...]:
        return (Tensor("x", "float32", (None,)),)

    def outputs(self) -> tuple[Tensor, ...]:
        return ()

    def predict(self, inputs: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        return {"score": inputs["x"] * self.size}


class CountingAdapter:
    """A kind that another package brings: nothing but the port."""

    def files(self, parameters: CountingParameters, root: Path) -> tuple[Path, ...]:
        return (root / parameters.path,)

    def modules(self, parameters: CountingParameters) -> tuple[str, ...]:
        return ()

    def distributions(self) -> tuple[str, ...]:
        return ("a-package-that-is-not-there",)

    def identity(self, parameters: CountingParameters) -> Mapping[str, str]:
        return {"factor": str(parameters.factor)}

    def load(self, parameters: CountingParameters, root: Path) -> CountingModel:
        return CountingModel((root / parameters.path).stat().st_size * parameters.factor)

    def weights(self, parameters: CountingParameters, root: Path) -> Weights | None:
        return Weights(1, 1, 0, 8.0)


def third_party() -> ModelObserver:
    register = kinds()
    register.register(Kind("counting", CountingParameters, CountingAdapter(), shorthand="path"))
    return ModelObserver(register)


def test_a_kind_of_a_third_party(tmp_path: Path, numbers: MemoryDataset) -> None:
    (tmp_path / "five").write_bytes(b"12345")
    spec = ModelSpec(
        "m",
        "counting",
        CountingParameters(path=Path("five"), factor=2),
        (InputSpec("x", ("u",)),),
        OutputSpec(OutputType.SCORE, Task.RANKING, group="g"),
    )
    chunks = list(third_party().observe(spec, tmp_path, numbers))
    assert np.concatenate([chunk.values for chunk in chunks]).tolist() == [10.0, 20.0]
    assert third_party().fingerprint(spec, tmp_path) is not None
    footprint = third_party().footprint(spec, tmp_path, numbers)
    assert (footprint.disk_bytes, footprint.weights) == (5, Weights(1, 1, 0, 8.0))


def test_a_kind_that_only_a_function_knows(tmp_path: Path, numbers: MemoryDataset) -> None:
    class Hidden(CountingAdapter):
        pass

    (tmp_path / "five").write_bytes(b"12345")
    register = kinds()
    register.register(Kind("hidden", CountingParameters, Hidden()))
    spec = ModelSpec("m", "hidden", CountingParameters(path=Path("five")), X, LOGITS3)
    with pytest.raises(ModelError, match="defined inside a function, where a worker process cannot find it"):
        list(ModelObserver(register).observe(spec, tmp_path, numbers))

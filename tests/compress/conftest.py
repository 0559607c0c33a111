"""The shipped networks, exported once, with real rows of their data."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.core.models import InputSpec, ModelSpec, OutputSpec, OutputType, Task
from harness.ports.compress import StepContext, StepReport
from tests.compress.build import context, export

SUITES = Path(__file__).parents[2] / "suites"


@dataclass(frozen=True)
class Net:
    """A trained network: as a torch module, as ONNX, with its test rows, right answers and training rows."""

    name: str
    module: Any
    onnx: Path
    tensor: str
    rows: NDArray[Any]
    targets: NDArray[np.int64]
    training: NDArray[Any]

    @property
    def spec(self) -> ModelSpec:
        output = OutputSpec(OutputType.LOGITS, Task.MULTICLASS, name="logits")
        return ModelSpec("original", "torch", None, inputs=(InputSpec(self.tensor, ("x",)),), output=output)

    def context(self, scratch: Path, feed: Callable[[str, int | None], Any] | None = None) -> StepContext:
        return context(scratch, feed or (lambda name, rows: iter([{self.tensor: self.training[:rows]}])), root=SUITES)

    def answers(self, path: Path) -> NDArray[np.float32]:
        from harness.compress.runtime import session

        running = session(path)
        return np.concatenate([running.run(None, {self.tensor: part})[0] for part in np.array_split(self.rows, 8)])


def _net(name: str, data: str, tensor: str, folder: Path, limit: int) -> Net:
    import torch
    from safetensors.torch import load_file

    torch.set_num_threads(1)
    if str(SUITES) not in sys.path:
        sys.path.insert(0, str(SUITES))
    source, train, nets = (importlib.import_module(f"{name}.{part}") for part in (data, "train", "nets"))
    module = nets.build()
    module.load_state_dict(load_file(SUITES / name / "weights.safetensors"))
    rows, targets = (tensor_.numpy()[:limit] for tensor_ in train.load(source.test()))
    training, _ = train.load(source.train())
    made = Net(name, module.eval(), folder / f"{name}.onnx", tensor, rows, targets, training.numpy()[:512])
    export(made.spec, module, [{tensor: rows[:32]}, {tensor: rows[32:50]}], made.onnx)
    return made


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Net:
    return _net("digits", "images", "input", tmp_path_factory.mktemp("digits"), 1191)


@pytest.fixture(scope="session")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Net:
    return _net("survey", "answers", "answers", tmp_path_factory.mktemp("survey"), 2000)


@pytest.fixture(scope="session")
def languages(tmp_path_factory: pytest.TempPathFactory) -> Net:
    return _net("languages", "phrases", "tokens", tmp_path_factory.mktemp("languages"), 3000)


@pytest.fixture(params=["digits", "survey", "languages"])
def net(request: pytest.FixtureRequest) -> Net:
    found: Net = request.getfixturevalue(request.param)
    return found


def signal_to_noise(original: NDArray[Any], made: NDArray[Any]) -> float:
    """SQNR in decibels."""
    noise = float(np.sum((original.astype(np.float64) - made) ** 2))
    return 10 * np.log10(float(np.sum(original.astype(np.float64) ** 2)) / max(noise, 1e-30))


def done(report: StepReport) -> Mapping[str, str]:
    return {layer.name: layer.done for layer in report.layers if layer.done}

"""The shipped networks, exported once, with real rows of their data."""

from __future__ import annotations

import copy
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
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
    training_targets: NDArray[np.int64]

    @property
    def spec(self) -> ModelSpec:
        output = OutputSpec(OutputType.LOGITS, Task.MULTICLASS, name="logits")
        parameters = SimpleNamespace(factory=f"{self.name}.nets:build", kwargs={})
        return ModelSpec("original", "torch", parameters, inputs=(InputSpec(self.tensor, ("x",)),), output=output)

    def context(self, scratch: Path, feed: Callable[[str, int | None], Any] | None = None) -> StepContext:
        return context(scratch, feed or (lambda name, rows: iter([{self.tensor: self.training[:rows]}])), root=SUITES)

    def network(self) -> Any:
        """A network of its own, to be changed."""
        from harness.compress.network import Network

        return Network(copy.deepcopy(self.module), self.spec, [{self.tensor: self.rows[:32]}, {self.tensor: self.rows[32:50]}], SUITES)

    def lessons(self, data: str, rows: int | None) -> Iterator[Any]:
        """Training rows with their right answers."""
        count = len(self.training) if rows is None else rows
        for start in range(0, count, 512):
            part = slice(start, min(start + 512, count))
            yield {self.tensor: self.training[part]}, self.training_targets[part]

    def torch_context(self, folder: Path, **more: Any) -> StepContext:
        """What a technique for torch networks is given."""
        return context(folder, lessons=self.lessons, output=self.spec.output, root=SUITES, **more)

    def torch_accuracy(self, module: Any) -> float:
        """Share of right answers on the test rows."""
        import torch

        with torch.inference_mode():
            return float((module.eval()(torch.from_numpy(self.rows)).argmax(1).numpy() == self.targets).mean())

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
    training, training_targets = train.load(source.train())
    made = Net(
        name, module.eval(), folder / f"{name}.onnx", tensor, rows, targets, training.numpy()[:2048], training_targets.numpy()[:2048]
    )
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


def factorized(net: Net, folder: Path, **given: Any) -> tuple[Any, StepReport]:
    """A network of its own, factorized as a suite would say it."""
    from harness.compress.factorize import Factorize
    from harness.compress.factorize_parameters import FactorizeParameters

    network = net.network()
    report = Factorize().transform(network, FactorizeParameters.model_validate(given), net.torch_context(folder))
    network.module.eval()
    return network, report

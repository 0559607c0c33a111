"""Makes a user's project from a real data set: a network trained here, its suite, and a damaged ONNX file beside it.

`python -m tests.real_data adult FOLDER` does it by hand.
"""

from __future__ import annotations

import csv
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.real_data.adult import nets as income_nets
from tests.real_data.adult import people
from tests.real_data.adult import prep as income_prep
from tests.real_data.banking import nets as query_nets
from tests.real_data.banking import prep as query_prep
from tests.real_data.place import real_data

HERE = Path(__file__).parent
INCOMES = ("<=50K", ">50K")
DEAD_GROUP = "Wife"
"""The value of `relationship` whose input unit the damaged census network lost."""
DEAD_INTENT = "card_arrival"
"""The intent whose output unit the damaged banking network lost."""

Inputs = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Project:
    """A folder with a suite, what the test rows are (as text, by column), and the inputs made of them.

    `net` is the trained torch module, `truth` (n,) class indices.
    """

    root: Path
    suite: str
    labels: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    inputs: Inputs
    truth: NDArray[np.int64]
    net: Any

    @property
    def folder(self) -> Path:
        """Where the suite file lies."""
        return self.root / "suites"


def adult(root: Path) -> Project:
    """The census project in `root`."""
    folder = _folder(root, "adult", ("people.py", "prep.py", "nets.py"), [real_data("adult_census") / "adult.csv"])
    train, test = (tuple(people.people(folder / "adult.csv", train=split)) for split in (True, False))
    net = _fit_incomes(_income_inputs(train), _truth(train, "income-per-year", INCOMES))
    _write(folder, net, INCOMES)
    inputs = _income_inputs(test)
    dead = income_nets.NUMBERS + income_prep.UNITS.index(f"relationship={DEAD_GROUP}")
    _damaged(folder / "dead-unit.onnx", net, inputs, "first.weight", (slice(None), dead))
    return Project(root, "adult", INCOMES, test, inputs, _truth(test, "income-per-year", INCOMES), net)


def banking(root: Path) -> Project:
    """The banking project in `root`."""
    source = real_data("banking77")
    folder = _folder(root, "banking", ("prep.py", "nets.py"), [source / "train.csv", source / "test.csv"])
    train, test = (_csv(folder / f"{split}.csv") for split in ("train", "test"))
    intents = tuple(sorted({row["category"] for row in train}))
    net = _fit_queries(_query_inputs(train), _truth(train, "category", intents))
    _write(folder, net, intents)
    inputs = _query_inputs(test)
    _damaged(folder / "dead-unit.onnx", net, inputs, "head.weight", (intents.index(DEAD_INTENT),))
    return Project(root, "banking", intents, test, inputs, _truth(test, "category", intents), net)


def _folder(root: Path, name: str, modules: tuple[str, ...], data: list[Path]) -> Path:
    folder = root / "suites"
    folder.mkdir(parents=True)
    (root / "pyproject.toml").write_text("")
    shutil.copyfile(HERE / name / f"{name}.yaml.txt", folder / f"{name}.yaml")
    for path in (*(HERE / name / module for module in modules), *data):
        shutil.copyfile(path, folder / path.name)
    return folder


def _csv(path: Path) -> tuple[Mapping[str, str], ...]:
    with path.open(newline="", encoding="utf-8") as stream:
        return tuple(csv.DictReader(stream))


def _truth(rows: tuple[Mapping[str, Any], ...], column: str, labels: tuple[str, ...]) -> NDArray[np.int64]:
    return np.array([labels.index(row[column]) for row in rows])


def _income_inputs(rows: tuple[Mapping[str, Any], ...]) -> Inputs:
    numbers = np.array([[row[name] for name in people.NUMBERS] for row in rows], np.float32)
    return {"numbers": numbers, "units": income_prep.one_hot(*([row[name] for row in rows] for name in income_prep.VALUES))}


def _query_inputs(rows: tuple[Mapping[str, Any], ...]) -> Inputs:
    return {"features": query_prep.encode(row["text"] for row in rows)}


def _fit_incomes(inputs: Inputs, truth: NDArray[np.int64]) -> Any:
    import torch

    torch.manual_seed(0)
    net = income_nets.build()
    numbers = torch.from_numpy(inputs["numbers"])
    net.mean.copy_(numbers.mean(0))
    net.scale.copy_(1 / numbers.std(0))
    return _fit(net, inputs, truth, epochs=8, rate=5e-3)


def _fit_queries(inputs: Inputs, truth: NDArray[np.int64]) -> Any:
    import torch

    torch.manual_seed(0)
    net = query_nets.build()
    torch.nn.init.normal_(net.embed.weight, std=0.1)
    return _fit(net, inputs, truth, epochs=8, rate=1e-2)


def _fit(net: Any, inputs: Inputs, truth: NDArray[np.int64], epochs: int, rate: float) -> Any:
    """The network after `epochs` passes in batches of about 128; the same seed gives the same network on the same machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads wait for each other on tensors this small
    tensors, targets = [torch.from_numpy(array) for array in inputs.values()], torch.from_numpy(truth)
    batches = -(-len(truth) // 128)
    optimizer = torch.optim.AdamW(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * batches)
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.05)
    generator = np.random.default_rng(0)
    net.train()
    for _ in range(epochs):
        for rows in np.array_split(generator.permutation(len(truth)), batches):
            loss = loss_of(net(*(tensor[rows] for tensor in tensors)), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    torch.set_num_threads(threads)
    return net.eval()


def _write(folder: Path, net: Any, labels: tuple[str, ...]) -> None:
    from safetensors.torch import save_file

    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, folder / "weights.safetensors")
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")


def _damaged(path: Path, net: Any, inputs: Inputs, weight: str, place: tuple[Any, ...]) -> None:
    """An ONNX file of the network in which the weights of one unit are zero, as a pruner leaves it."""
    import onnx
    import torch
    from onnx import numpy_helper

    example = tuple(torch.from_numpy(array[:4]) for array in inputs.values())
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            net,
            example,
            dynamo=True,
            input_names=list(inputs),
            output_names=["logits"],
            dynamic_shapes=tuple({0: batch} for _ in example),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == weight)
    array = numpy_helper.to_array(tensor).copy()
    array[place] = 0
    tensor.CopyFrom(numpy_helper.from_array(array, weight))
    onnx.save(model, path)

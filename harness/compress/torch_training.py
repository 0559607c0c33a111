"""Training a network that was changed: seeded, kept after every epoch, stopped when it diverges. Imports torch."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.compress.network import Network
from harness.compress.schedule import FinetuneParameters
from harness.errors import ModelError
from harness.ports.compress import Batch, StepContext

Loss = Callable[[Batch, NDArray[Any]], torch.Tensor]
"""(inputs, true answers) → the loss of the network on them, a scalar."""

_STATE = "state.pt"
_EPOCH = "epoch.json"


@dataclass(frozen=True)
class Lessons:
    """All rows to train on: (n, …) inputs by name, padded to one shape where they differ in length, and n true answers."""

    inputs: Mapping[str, NDArray[Any]]
    targets: NDArray[Any]

    def __len__(self) -> int:
        return len(self.targets)

    def batches(self, order: NDArray[np.int64], size: int) -> Iterator[tuple[Batch, NDArray[Any]]]:
        """Batches of at most `size` rows in the given order, as equal as can be: a normalisation fails on a single row left over."""
        for rows in np.array_split(order, max(1, -(-len(order) // size))):
            yield {name: array[rows] for name, array in self.inputs.items()}, self.targets[rows]


def gather_lessons(context: StepContext, data: str, rows: int | None) -> Lessons:
    """The rows of a data set; `ModelError` when there are none, or an input is not finite."""
    batches = list(context.lessons(data, rows))
    if not batches:
        raise ModelError(f"training: data set {data!r} gave no rows")
    names = batches[0][0].keys()
    inputs = {name: _stacked([inputs[name] for inputs, _ in batches]) for name in names}
    for name, array in inputs.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelError(f"training: tensor {name!r} of data set {data!r} holds values that are NaN or infinite")
    return Lessons(inputs, np.concatenate([targets for _, targets in batches]))


def train(
    network: Network,
    lessons: Lessons,
    settings: FinetuneParameters,
    loss_of: Loss,
    context: StepContext,
    after: Callable[[], None] = lambda: None,
    until: int | None = None,
) -> tuple[Mapping[str, object], ...]:
    """Train the network in place; one row of a table per epoch.

    `after` runs after every optimiser step (to hold pruned weights at zero). `until` ends the training after so many epochs,
    as if it were cut off there: the learning rate falls as for all epochs. Killed, the next call with the same checkpoint
    folder goes on after the last whole epoch. When the loss is no longer finite, training stops, and the network is as it
    was after the last good epoch.
    """
    network.module.train()
    parameters = [value for value in network.module.parameters() if value.requires_grad]
    if not parameters:
        raise ModelError(f"{network.source.name}: no parameter of the network has a gradient, so that it cannot be trained")
    optimizer = _optimizer(settings, parameters)
    per_epoch = -(-len(lessons) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs * per_epoch)
    keeper = _Keeper(context.checkpoint, network.module, optimizer, schedule)
    table = keeper.resume()
    for epoch in range(len(table), settings.epochs if until is None else until):
        generator = np.random.default_rng([context.seed, epoch])
        torch.manual_seed(int(generator.integers(2**31)))
        losses = []
        for inputs, targets in lessons.batches(generator.permutation(len(lessons)), settings.batch_size):
            loss = loss_of(inputs, targets)
            losses.append(float(loss.detach()))
            if not math.isfinite(losses[-1]):
                keeper.restore()
                table.append({"epoch": epoch + 1, "diverged": f"the loss became {losses[-1]}; the state before this epoch was kept"})
                return tuple(table)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch ships it untyped
            optimizer.step()
            schedule.step()
            after()
        # Measured before each step, the losses say nothing of the last one.
        with torch.no_grad():
            settled = float(loss_of(inputs, targets))
        if not math.isfinite(settled):
            keeper.restore()
            table.append({"epoch": epoch + 1, "diverged": f"the loss became {settled}; the state before this epoch was kept"})
            return tuple(table)
        table.append({"epoch": epoch + 1, "loss": round(float(np.mean(losses)), 6)})
        keeper.keep(table)
    network.module.eval()
    return tuple(table)


class _Keeper:
    """The state after the last whole epoch, in memory and on disk."""

    def __init__(self, folder: Path, module: torch.nn.Module, optimizer: torch.optim.Optimizer, schedule: Any) -> None:
        self._folder = folder
        self._parts = {"module": module, "optimizer": optimizer, "schedule": schedule}
        self._good = {name: value.detach().clone() for name, value in module.state_dict().items()}

    def keep(self, table: list[Mapping[str, object]]) -> None:
        """Remember this state; the small file is renamed into place last, and counts."""
        self._good = {name: value.detach().clone() for name, value in self._parts["module"].state_dict().items()}
        self._folder.mkdir(parents=True, exist_ok=True)
        state = f"{len(table)}-{_STATE}"
        torch.save({name: part.state_dict() for name, part in self._parts.items()}, self._folder / state)
        fresh = self._folder / f".{_EPOCH}"
        fresh.write_text(json.dumps({"state": state, "table": table}), encoding="utf-8")
        fresh.replace(self._folder / _EPOCH)
        for old in self._folder.glob(f"*-{_STATE}"):
            if old.name != state:
                old.unlink()

    def resume(self) -> list[Mapping[str, object]]:
        """The table of the epochs that are done, with their state in place."""
        try:
            kept = json.loads((self._folder / _EPOCH).read_text(encoding="utf-8"))
            states = torch.load(self._folder / kept["state"], weights_only=True)
        except Exception:  # a damaged file makes torch raise all sorts of things; the epochs are then done again
            return []
        for name, part in self._parts.items():
            part.load_state_dict(states[name])
        self._good = {name: value.detach().clone() for name, value in self._parts["module"].state_dict().items()}
        table: list[Mapping[str, object]] = kept["table"]
        return table

    def restore(self) -> None:
        """Back to the state after the last good epoch."""
        module = self._parts["module"]
        module.load_state_dict(self._good)
        module.eval()


def _optimizer(settings: FinetuneParameters, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    rate, decay = settings.learning_rate, settings.weight_decay
    match settings.optimizer:
        case "adamw":
            return torch.optim.AdamW(parameters, rate, weight_decay=decay)
        case "adam":
            return torch.optim.Adam(parameters, rate, weight_decay=decay)
        case "sgd":
            return torch.optim.SGD(parameters, rate, momentum=0.9, weight_decay=decay)


def _stacked(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """All rows as one array; shorter ones get zeros at the end, as a tokenizer pads (its mask says what is padding)."""
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) == 1:
        return np.concatenate(arrays)
    largest = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
    padded = [np.pad(array, [(0, 0), *((0, full - have) for full, have in zip(largest, array.shape[1:], strict=True))]) for array in arrays]
    return np.concatenate(padded)

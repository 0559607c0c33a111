from __future__ import annotations

import importlib
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from harness.compress import torch_lottery
from harness.compress.lottery import Lottery
from harness.compress.lottery_parameters import LotteryParameters
from harness.compress.network import Network
from harness.compress.schedule import FinetuneParameters
from harness.compress.torch_losses import task_loss
from harness.compress.torch_lottery import _return
from harness.compress.torch_training import _Keeper, gather_lessons, train
from harness.errors import ModelError
from tests.compress.conftest import Net

FINETUNE = {"data": "train", "epochs": 4, "learning_rate": 3e-3, "batch_size": 32}


def played(net: Net, folder: Path, **given: Any) -> list[Network]:
    """The network after each round."""
    network, after = net.network(), []
    for number, stage in enumerate(Lottery().stages(LotteryParameters.model_validate({"finetune": FINETUNE, **given}))):
        Lottery().transform(network, stage, net.torch_context(folder / str(number)))
        (folder / f"kept-{number}").mkdir(parents=True)
        network.save(folder / f"kept-{number}")
        again = Network(net.network().module, net.spec, network.rows, network.root)
        again.load(folder / f"kept-{number}")
        after.append(again)
    return after


def masks(network: Network) -> dict[str, torch.Tensor]:
    return {name: value != 0 for name, value in network.module.named_parameters() if value.ndim > 1}


def test_the_same_share_of_what_is_left_goes_in_each_round(digits: Net, tmp_path: Path) -> None:
    rounds = played(digits, tmp_path, sparsity="80%", rounds=3)
    left = [float(np.mean(np.concatenate([mask.flatten().numpy() for mask in masks(network).values()]))) for network in rounds]
    assert left == pytest.approx([0.2 ** (1 / 3), 0.2 ** (2 / 3), 0.2], abs=1e-4)
    for earlier, later in itertools.pairwise(rounds):
        assert all(bool((masks(earlier)[name] | ~mask).all()) for name, mask in masks(later).items()), "what is gone stays gone"
    assert digits.torch_accuracy(rounds[-1].module) > 0.9


STILL = {**FINETUNE, "learning_rate": 1e-12, "epochs": 1}


def fresh(net: Net) -> torch.nn.Module:
    torch.manual_seed(0)
    module: torch.nn.Module = importlib.import_module(f"{net.name}.nets").build()
    return module


def dense(net: Net, folder: Path, settings: dict[str, Any]) -> torch.nn.Module:
    """The network from the initialisation, with the survey's own standardisation, trained whole."""
    module = fresh(net)
    for name in ("mean", "scale"):
        module.get_buffer(name).copy_(net.module.get_buffer(name))
    network, context = Network(module, net.spec, net.network().rows, net.network().root), net.torch_context(folder)
    train(network, gather_lessons(context, "train", None), FinetuneParameters.model_validate(settings), task_loss(network), context)
    return module


def largest(module: torch.nn.Module, share: float) -> dict[str, torch.Tensor]:
    """By hand: the mask of the largest weights of all layers together."""
    matrices = {name: value.detach().abs() for name, value in module.named_parameters() if value.ndim > 1}
    ordered = torch.cat([value.flatten() for value in matrices.values()]).sort(descending=True).values
    return {name: value >= ordered[round(share * len(ordered)) - 1] for name, value in matrices.items()}


def test_it_starts_again_from_the_initialisation(survey: Net, tmp_path: Path) -> None:
    """With a rate of next to nothing, what is left after a round is the initialisation itself, its largest weights."""
    (network,) = played(survey, tmp_path, sparsity="50%", rounds=1, finetune=STILL)
    early = fresh(survey)
    for name, mask in largest(early, 0.5).items():
        torch.testing.assert_close(network.module.get_parameter(name), early.get_parameter(name) * mask, atol=1e-6, rtol=0)


def test_the_first_mask_comes_from_the_dense_training_of_that_initialisation(survey: Net, tmp_path: Path) -> None:
    settings = {**FINETUNE, "epochs": 2, "learning_rate": 1e-2}
    (network,) = played(survey, tmp_path / "a", sparsity="50%", rounds=1, finetune=settings)
    wanted, given = largest(dense(survey, tmp_path / "b", settings), 0.5), largest(survey.module, 0.5)
    found = masks(network)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert not any(torch.equal(found[name], given[name]) for name in given)


def test_buffers_that_are_no_running_statistics_stay(survey: Net, tmp_path: Path) -> None:
    (network,) = played(survey, tmp_path, sparsity="50%", rounds=1, finetune=STILL)
    for name in ("mean", "scale"):
        assert not torch.equal(survey.module.get_buffer(name), fresh(survey).get_buffer(name))
        assert torch.equal(network.module.get_buffer(name), survey.module.get_buffer(name))


def test_running_statistics_are_rewound(digits: Net, tmp_path: Path) -> None:
    network = digits.network()
    _return(network.module, fresh(digits))
    assert torch.equal(network.module.get_buffer("1.running_mean"), torch.zeros(32))
    assert not torch.equal(digits.module.get_buffer("1.running_mean"), torch.zeros(32))


@pytest.mark.parametrize("rewind", [0, 1])
def test_it_starts_again_where_the_dense_training_was_after_rewind_epochs(
    survey: Net, tmp_path: Path, rewind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**FINETUNE, "epochs": 2, "learning_rate": 1e-2}
    kept: dict[int, dict[str, torch.Tensor]] = {0: dict(fresh(survey).named_parameters())}
    keep = _Keeper.keep

    def noted(keeper: _Keeper, table: list[Any]) -> None:
        kept[len(table)] = {name: value.detach().clone() for name, value in keeper._parts["module"].named_parameters()}
        keep(keeper, table)

    with monkeypatch.context() as patch:
        patch.setattr(_Keeper, "keep", noted)
        dense(survey, tmp_path / "dense", settings)
    started: list[dict[str, torch.Tensor]] = []

    def watched(network: Network, *given: Any, **more: Any) -> Any:
        started.append({name: value.detach().clone() for name, value in network.module.named_parameters()})
        return train(network, *given, **more)

    monkeypatch.setattr(torch_lottery, "train", watched)
    rounds = played(survey, tmp_path, sparsity="75%", rounds=2, finetune=settings, rewind=rewind)
    starts = [state for state in started if float(torch.cat([value.flatten() for value in state.values()]).eq(0).float().mean()) > 0.3]
    assert len(starts) == len(rounds) == 2
    for state, network in zip(starts, rounds, strict=True):
        for name, value in state.items():
            assert torch.equal(value, kept[rewind][name] * masks(network).get(name, 1))


class Silent(torch.nn.Module):
    """Begins with a layer of zeros, which is left alone."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = torch.nn.Linear(8, 16), torch.nn.Linear(16, 2)
        torch.nn.init.zeros_(self.last.weight)

    def forward(self, answers: torch.Tensor) -> torch.Tensor:
        """Logits."""
        made: torch.Tensor = self.last(torch.relu(self.first(answers)))
        return made


def test_zeros_of_the_initialisation_are_not_pruned_ones(survey: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_lottery, "load_function", lambda reference, root: Silent)
    network = Network(Silent(), survey.spec, survey.network().rows, survey.network().root)
    settings = LotteryParameters.model_validate({"finetune": FINETUNE, "sparsity": 0.5, "rounds": 1, "exclude": ["last"]})
    Lottery().transform(network, Lottery().stages(settings)[0], survey.torch_context(tmp_path))
    assert float((network.module.get_parameter("last.weight") != 0).float().mean()) > 0.5
    assert float((network.module.get_parameter("first.weight") == 0).float().mean()) == 0.5


def test_it_needs_a_factory_and_comes_first(digits: Net, tmp_path: Path) -> None:
    stage = Lottery().stages(LotteryParameters.model_validate({"sparsity": 0.5, "rounds": 1, "finetune": FINETUNE}))[0]
    network = digits.network()
    network.source = replace(network.source, parameters=None)
    with pytest.raises(ModelError, match="put it first, on an original given by a factory"):
        Lottery().transform(network, stage, digits.torch_context(tmp_path))


@pytest.mark.parametrize(
    ("given", "words"), [({"sparsity": 1.0}, "sparsity: 1 must lie"), ({"sparsity": 0.5, "rewind": 4}, "rewind: 4 must be less")]
)
def test_parameters_that_make_no_sense(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        LotteryParameters.model_validate({"finetune": FINETUNE, **given})

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from harness.compress.lottery import Lottery
from harness.compress.lottery_parameters import LotteryParameters
from harness.compress.network import Network
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


def test_it_starts_again_from_the_initialisation(survey: Net, tmp_path: Path) -> None:
    """With a rate of next to nothing, what is left after a round is the initialisation itself."""
    still = {**FINETUNE, "learning_rate": 1e-12, "epochs": 1}
    (network,) = played(survey, tmp_path, sparsity="50%", rounds=1, finetune=still)
    from survey import nets

    torch.manual_seed(0)
    fresh = dict(nets.build().named_parameters())
    for name, mask in masks(network).items():
        torch.testing.assert_close(network.module.get_parameter(name)[mask], fresh[name][mask], atol=1e-6, rtol=0)
        trained = survey.module.get_parameter(name).abs()
        assert not torch.allclose(trained[mask], fresh[name][mask].abs(), atol=1e-3)


def test_it_can_start_again_from_a_little_later(survey: Net, tmp_path: Path) -> None:
    early = {**FINETUNE, "epochs": 2}
    (first,) = played(survey, tmp_path / "a", sparsity="50%", rounds=1, finetune=early)
    (later,) = played(survey, tmp_path / "b", sparsity="50%", rounds=1, finetune=early, rewind=1)
    name = "layers.3.weight"
    assert torch.equal(masks(first)[name], masks(later)[name])
    assert not torch.equal(first.module.get_parameter(name), later.module.get_parameter(name))


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

"""Training a network that was changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from harness.compress.network import Network
from harness.compress.schedule import FinetuneParameters
from harness.compress.torch_losses import answer_loss, task_loss
from harness.compress.torch_training import gather_lessons, train
from harness.core.models import OutputSpec, OutputType, Task
from harness.errors import ModelError
from tests.compress.conftest import Net

SETTINGS = FinetuneParameters(data="train", epochs=3)


def weights(network: Network) -> torch.Tensor:
    return torch.cat([value.detach().flatten() for value in network.module.parameters()])


def trained(net: Net, folder: Path, seed: int = 0) -> tuple[Network, Any]:
    network, context = net.network(), net.torch_context(folder, seed=seed)
    lessons = gather_lessons(context, "train", 256)
    return network, train(network, lessons, SETTINGS, task_loss(network), context)


def test_the_loss_falls_and_the_seed_decides(survey: Net, tmp_path: Path) -> None:
    one, table = trained(survey, tmp_path / "a")
    same, _ = trained(survey, tmp_path / "b")
    other, _ = trained(survey, tmp_path / "c", seed=1)
    assert table[-1]["loss"] < table[0]["loss"]
    assert torch.equal(weights(one), weights(same))
    assert not torch.equal(weights(one), weights(other))


@pytest.mark.parametrize("stopped_after", [1, 2])
def test_killed_it_goes_on_after_the_last_whole_epoch(survey: Net, tmp_path: Path, stopped_after: int) -> None:
    whole, table = trained(survey, tmp_path / "whole")
    network, context = survey.network(), survey.torch_context(tmp_path / "cut")
    lessons, calls, plain = gather_lessons(context, "train", 256), 0, task_loss(network)

    def interrupted(inputs: Any, targets: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls > 5 * stopped_after + 2:  # four batches an epoch and one look after it; two batches into the next
            raise KeyboardInterrupt
        return plain(inputs, targets)

    with pytest.raises(KeyboardInterrupt):
        train(network, lessons, SETTINGS, interrupted, context)
    again, calls = survey.network(), 0

    def counted(inputs: Any, targets: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return task_loss(again)(inputs, targets)

    assert train(again, lessons, SETTINGS, counted, context) == table
    assert calls == 5 * (3 - stopped_after)
    assert torch.equal(weights(again), weights(whole))


def test_a_damaged_checkpoint_is_not_used(survey: Net, tmp_path: Path) -> None:
    whole, _ = trained(survey, tmp_path / "a")
    (tmp_path / "b" / "checkpoint").mkdir(parents=True)
    (tmp_path / "b" / "checkpoint" / "epoch.json").write_text('{"state": "2-state.pt", "table": [')
    again, _ = trained(survey, tmp_path / "b")
    assert torch.equal(weights(again), weights(whole))


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_epoch(survey: Net, tmp_path: Path) -> None:
    calls = 0
    network, context = survey.network(), survey.torch_context(tmp_path)
    plain = task_loss(network)
    kept: list[torch.Tensor] = []

    def diverging(inputs: Any, targets: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 6:
            kept.append(weights(network))
        return plain(inputs, targets) * (float("nan") if calls > 7 else 1.0)

    table = train(network, gather_lessons(context, "train", 256), SETTINGS, diverging, context)
    assert table[-1] == {"epoch": 2, "diverged": "the loss became nan; the state before this epoch was kept"}
    assert torch.equal(weights(network), kept[0])


def test_inputs_of_several_lengths_are_padded(languages: Net, tmp_path: Path) -> None:
    def lessons(data: str, rows: int | None) -> Any:
        yield {"tokens": np.ones((3, 5), np.int64)}, np.zeros(3, np.int32)
        yield {"tokens": np.ones((2, 9), np.int64)}, np.ones(2, np.int32)

    found = gather_lessons(replace(languages.torch_context(tmp_path), lessons=lessons), "train", None)
    assert found.inputs["tokens"].shape == (5, 9)
    assert found.inputs["tokens"].sum(axis=1).tolist() == [5, 5, 5, 9, 9]
    assert found.targets.tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([], "training: data set 'train' gave no rows"),
        (
            [({"answers": np.full((2, 8), np.nan, np.float32)}, np.zeros(2))],
            "tensor 'answers' of data set 'train' holds",
        ),
    ],
)
def test_rows_that_nothing_can_be_learnt_from(survey: Net, tmp_path: Path, batches: Any, words: str) -> None:
    context = replace(survey.torch_context(tmp_path), lessons=lambda data, rows: iter(batches))
    with pytest.raises(ModelError, match=words):
        gather_lessons(context, "train", None)


def test_a_network_without_gradients(survey: Net, tmp_path: Path) -> None:
    network, context = survey.network(), survey.torch_context(tmp_path)
    network.module.requires_grad_(False)
    with pytest.raises(ModelError, match="no parameter of the network has a gradient"):
        train(network, gather_lessons(context, "train", 64), SETTINGS, task_loss(network), context)


ANSWERS = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
CODES = np.array([0, 2, 1, 1, 0, 2], np.int32)


@pytest.mark.parametrize(
    ("answer", "targets", "spec", "expected"),
    [
        (ANSWERS, CODES, OutputSpec(OutputType.LOGITS, Task.MULTICLASS), functional.cross_entropy(ANSWERS, torch.from_numpy(CODES).long())),
        (
            ANSWERS.softmax(1),
            CODES,
            OutputSpec(OutputType.PROBABILITIES, Task.MULTICLASS),
            functional.cross_entropy(ANSWERS, torch.from_numpy(CODES).long()),
        ),
        (
            ANSWERS[:, 0],
            CODES > 1,
            OutputSpec(OutputType.LOGITS, Task.BINARY, positive="y"),
            functional.binary_cross_entropy_with_logits(ANSWERS[:, 0], torch.from_numpy(CODES > 1).double()),
        ),
        (
            ANSWERS[:, :2],
            CODES % 2,
            OutputSpec(OutputType.LOGITS, Task.BINARY, labels=("y", "n"), positive="y"),
            functional.cross_entropy(ANSWERS[:, :2], torch.from_numpy(1 - CODES % 2).long()),
        ),
        (
            ANSWERS,
            np.eye(3)[CODES].astype(bool),
            OutputSpec(OutputType.LOGITS, Task.MULTILABEL),
            functional.binary_cross_entropy_with_logits(ANSWERS, torch.from_numpy(np.eye(3)[CODES])),
        ),
        (ANSWERS[:, :1], CODES, OutputSpec(OutputType.VALUES, Task.REGRESSION), ((ANSWERS[:, 0] - torch.from_numpy(CODES)) ** 2).mean()),
    ],
    ids=["logits", "probabilities", "one score", "two classes, positive first", "several labels", "numbers"],
)
def test_the_loss_of_each_task(answer: torch.Tensor, targets: Any, spec: OutputSpec, expected: torch.Tensor) -> None:
    assert float(answer_loss(answer, targets, spec)) == pytest.approx(float(expected))


def test_tasks_that_cannot_be_trained() -> None:
    with pytest.raises(ModelError, match="training is not supported for the task ranking"):
        answer_loss(ANSWERS, CODES, OutputSpec(OutputType.SCORE, Task.RANKING))


def test_a_last_step_that_blows_the_weights_up_is_not_kept(survey: Net, tmp_path: Path) -> None:
    """One huge step in one epoch: the loss before it was fine."""
    network, context = survey.network(), survey.torch_context(tmp_path)
    before = weights(network)
    huge = FinetuneParameters(data="train", epochs=1, optimizer="sgd", learning_rate=1e30, batch_size=512)
    table = train(network, gather_lessons(context, "train", 256), huge, task_loss(network), context)
    assert "the state before this epoch was kept" in str(table[-1]["diverged"])
    assert torch.equal(weights(network), before)


def test_a_row_left_over_joins_the_others(survey: Net, tmp_path: Path) -> None:
    """129 rows in batches of 64: a normalisation over one row alone would fail."""
    found = gather_lessons(survey.torch_context(tmp_path), "train", 129)
    sizes = [len(targets) for _, targets in found.batches(np.arange(129), 64)]
    assert sizes == [43, 43, 43]


def test_a_cut_state_file_is_not_used(survey: Net, tmp_path: Path) -> None:
    whole, _ = trained(survey, tmp_path / "a")
    folder = tmp_path / "b" / "checkpoint"
    folder.mkdir(parents=True)
    (folder / "epoch.json").write_text('{"state": "2-state.pt", "table": []}')
    (folder / "2-state.pt").write_bytes(b"PK\x03\x04 cut")
    again, _ = trained(survey, tmp_path / "b")
    assert torch.equal(weights(again), weights(whole))

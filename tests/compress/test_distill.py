from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from harness.compress.distill import Distill
from harness.compress.distill_parameters import DistillParameters
from harness.compress.network import Network
from harness.compress.torch_distill import soft_loss
from harness.core.models import OutputSpec, OutputType, Task
from harness.errors import ModelError
from harness.ports.compress import StepReport
from tests.compress.build import context
from tests.compress.conftest import Net
from tests.compress.test_torch_prune import stack

LOGITS = OutputSpec(OutputType.LOGITS, Task.MULTICLASS)


def distilled(net: Net, folder: Path, student: dict[str, Any], *, seed: int = 0, **more: Any) -> tuple[Network, StepReport]:
    train = {"data": "train", "epochs": more.pop("epochs", 5), "learning_rate": 3e-3, "batch_size": 32}
    network = net.network()
    parameters = DistillParameters.model_validate({"student": student, "train": train, **more})
    report = Distill().transform(network, parameters, net.torch_context(folder, seed=seed))
    network.module.eval()
    return network, report


def test_the_soft_loss_by_scipy() -> None:
    from scipy.special import log_softmax, softmax

    random = np.random.default_rng(0)
    mine, theirs = random.normal(size=(2, 20, 5))
    p, q = softmax(theirs / 3, axis=1), log_softmax(mine / 3, axis=1)
    expected = 9 * float(np.mean(np.sum(p * (np.log(p) - q), axis=1)))
    assert float(soft_loss(torch.from_numpy(mine), torch.from_numpy(theirs), LOGITS, 3.0)) == pytest.approx(expected)


def test_probabilities_and_logits_teach_the_same() -> None:
    mine, theirs = torch.randn(2, 10, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    spec = OutputSpec(OutputType.PROBABILITIES, Task.MULTICLASS)
    from_probabilities = soft_loss(mine.softmax(1), theirs.softmax(1), spec, 2.0)
    assert float(from_probabilities) == pytest.approx(float(soft_loss(mine, theirs, LOGITS, 2.0)), rel=1e-4)


def test_numbers_are_taught_by_their_squares() -> None:
    mine, theirs = torch.randn(2, 10, 1, generator=torch.Generator().manual_seed(0))
    spec = OutputSpec(OutputType.VALUES, Task.REGRESSION)
    assert float(soft_loss(mine, theirs, spec, 2.0)) == pytest.approx(float(functional.mse_loss(mine, theirs)))


def test_a_student_of_half_the_blocks_has_those_that_do_most_on_the_training_rows(tmp_path: Path) -> None:
    network = stack(OutputSpec(OutputType.LOGITS, Task.MULTICLASS))
    inputs = torch.from_numpy(network.rows[0]["x"])
    teacher = network.module(inputs).detach()
    asked: list[str] = []

    def feed(data: str, rows: int | None) -> Iterator[Any]:
        asked.append(data)
        return iter(network.rows)

    lessons = lambda data, rows: iter([(network.rows[0], teacher.argmax(1).numpy())])  # noqa: E731
    given = context(tmp_path, feed, lessons=lessons)
    parameters = DistillParameters.model_validate(
        {"student": {"blocks": "50%"}, "train": {"data": "train", "epochs": 1, "learning_rate": 1e-6}}
    )
    Distill().transform(network, parameters, given)
    assert asked == ["train"]
    assert len(network.module.blocks) == 2
    torch.testing.assert_close(network.module(inputs).detach(), teacher, atol=0.2, rtol=0.1)  # the others did next to nothing


@pytest.mark.parametrize("student", [{"width": "50%"}, {"factory": "tests.compress.students:narrow"}])
def test_a_student_learns_to_answer(digits: Net, tmp_path: Path, student: dict[str, Any]) -> None:
    network, report = distilled(digits, tmp_path, student, epochs=40)
    assert sum(p.numel() for p in network.module.parameters()) < 0.5 * sum(p.numel() for p in digits.module.parameters())
    assert digits.torch_accuracy(network.module) > 0.9
    losses = [float(str(row["loss"])) for row in report.table]
    assert losses[-1] < losses[0]
    (tmp_path / "kept").mkdir()
    network.save(tmp_path / "kept")
    again = Network(digits.network().module, digits.spec, network.rows, network.root)
    factories = [edit["reference"] for edit in network.edits if edit["edit"] == "factory"]
    if factories:
        with pytest.raises(ModelError, match=r"names the factory 'tests.compress.students:narrow', which the suite does not"):
            Network(digits.network().module, digits.spec, network.rows, network.root).load(tmp_path / "kept")
    again.load(tmp_path / "kept", factories)
    batch = {"input": digits.rows[:20]}
    np.testing.assert_array_equal(again.answers(batch)["logits"], network.answers(batch)["logits"])


def test_a_taught_student_is_better_than_one_that_learnt_alone(survey: Net, tmp_path: Path) -> None:
    """Hinton, Vinyals and Dean 2015, the mean of five seeds: from 200 questionnaires, whose true answers are mostly noise."""
    train = {"data": "train", "epochs": 60, "learning_rate": 1e-2, "rows": 200, "batch_size": 32}
    found: dict[float, list[float]] = {0.0: [], 0.9: []}
    for mix, scores in found.items():
        for seed in range(5):
            network = survey.network()
            parameters = DistillParameters.model_validate(
                {"student": {"factory": "tests.compress.students:answers"}, "train": train, "mix": mix}
            )
            Distill().transform(network, parameters, survey.torch_context(tmp_path / f"{mix}-{seed}", seed=seed))
            scores.append(survey.torch_accuracy(network.module))
    assert np.mean(found[0.9]) > np.mean(found[0.0]) + 0.01


@pytest.mark.parametrize(
    ("student", "words"),
    [
        ({"factory": "tests.compress.students:few_classes"}, r"the student answers in shape \(32, 9\) and the teacher in \(32, 10\)"),
        ({"factory": "digits.nets:build"}, "the student has 58,634 parameters and the teacher 58,634; give a smaller one"),
        ({"factory": "tests.compress.students:no_network"}, "returned str; it must return a torch.nn.Module"),
        ({"blocks": "50%"}, "no list of blocks of one type"),
    ],
)
def test_a_student_that_does_not_fit(digits: Net, tmp_path: Path, student: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        distilled(digits, tmp_path, student)


@pytest.mark.parametrize(
    ("student", "words"),
    [
        ({}, "by one of factory, blocks or width; found none"),
        ({"width": "50%", "blocks": "50%"}, "found blocks and width"),
        ({"width": "100%"}, "width: 1 must lie between 0 and 1"),
        ({"width": "50%", "kwargs": {"a": 1}}, "kwargs belong to a factory"),
    ],
)
def test_parameters_that_make_no_sense(student: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DistillParameters.model_validate({"student": student, "train": {"data": "train"}})

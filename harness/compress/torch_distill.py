"""A student made, and taught by the network it replaces. Imports torch."""

from __future__ import annotations

import copy
from typing import Any

import torch
from numpy.typing import NDArray
from torch.nn import functional

from harness.compress.distill_parameters import DistillParameters
from harness.compress.network import Network
from harness.compress.prune_parameters import PruneStage
from harness.compress.torch_losses import answer_loss, log_probabilities
from harness.compress.torch_prune_blocks import prune_blocks
from harness.compress.torch_prune_channels import prune_channels
from harness.compress.torch_training import Loss, gather_lessons, train
from harness.core.models import OutputSpec, OutputType, Task
from harness.errors import ModelError
from harness.ports.compress import Batch, Layer, StepContext, StepReport

_SEEN = 256
"""Training rows on which the influence of blocks is seen."""


def distill(network: Network, parameters: DistillParameters, context: StepContext) -> StepReport:
    """Put the taught student in the network's place; `ModelError` when its answers have another shape, or it is no smaller."""
    if network.source.output is None:
        raise ModelError(f"{network.source.name}: nothing says what its output means, so that nothing can be learnt from it")
    teacher = Network(copy.deepcopy(network.module).eval(), network.source, network.rows, network.root)
    before = {name: tuple(value.shape) for name, value in network.module.named_parameters()}
    torch.manual_seed(context.seed)
    _make_student(network, parameters, context)
    _refuse_other_answers(teacher, network)
    after = {name: tuple(value.shape) for name, value in network.module.named_parameters()}
    _refuse_no_smaller(before, after)
    lessons = gather_lessons(context, parameters.train.data, parameters.train.rows)
    table = train(network, lessons, parameters.train, _loss(network, teacher, parameters, network.source.output), context)
    layers = tuple(Layer(name, shape, done="a layer of the student") for name, shape in after.items() if len(shape) > 1)
    note = f"{_numbers(after):,} parameters in place of {_numbers(before):,}"
    return StepReport(layers, (note,), table)


def _make_student(network: Network, parameters: DistillParameters, context: StepContext) -> None:
    student = parameters.student
    if student.factory is not None:
        network.edit({"edit": "factory", "reference": student.factory, "kwargs": student.kwargs})
    elif student.blocks is not None:
        stage = PruneStage.model_construct(unit="block", share=1 - student.blocks)
        prune_blocks(network, stage, context.feed(parameters.train.data, _SEEN))
    elif student.width is not None:
        prune_channels(network, PruneStage.model_construct(unit="channel", share=1 - student.width), context)


def _loss(network: Network, teacher: Network, parameters: DistillParameters, spec: OutputSpec) -> Loss:
    heat, mix = parameters.temperature, parameters.mix

    def loss(inputs: Batch, targets: NDArray[Any]) -> torch.Tensor:
        answer = network.answer(inputs)
        with torch.no_grad():
            wanted = teacher.answer(inputs)
        soft = soft_loss(answer, wanted, spec, heat)
        return mix * soft + (1 - mix) * answer_loss(answer, targets, spec) if mix < 1 else soft

    return loss


def soft_loss(answer: torch.Tensor, wanted: torch.Tensor, spec: OutputSpec, heat: float) -> torch.Tensor:
    """T² · KL(teacher ‖ student) of softened classes, the mean over examples; the mean squared error of anything else."""
    classes = spec.task in (Task.BINARY, Task.MULTICLASS) and answer.ndim == 2 and answer.shape[1] > 1
    if not classes or spec.type not in (OutputType.LOGITS, OutputType.PROBABILITIES):
        return functional.mse_loss(answer, wanted)
    mine = functional.log_softmax(log_probabilities(answer, spec) / heat, dim=1)
    theirs = functional.log_softmax(log_probabilities(wanted, spec) / heat, dim=1)
    return heat**2 * functional.kl_div(mine, theirs, reduction="batchmean", log_target=True)


def _refuse_other_answers(teacher: Network, student: Network) -> None:
    student.module.eval()
    with torch.no_grad():
        theirs, mine = teacher.answer(teacher.example).shape, student.answer(student.example).shape
    if theirs != mine:
        raise ModelError(f"distill: the student answers in shape {tuple(mine)} and the teacher in {tuple(theirs)}; they must be the same")


def _refuse_no_smaller(before: dict[str, tuple[int, ...]], after: dict[str, tuple[int, ...]]) -> None:
    if _numbers(after) >= _numbers(before):
        raise ModelError(
            f"distill: the student has {_numbers(after):,} parameters and the teacher {_numbers(before):,}; give a smaller one"
        )


def _numbers(shapes: dict[str, tuple[int, ...]]) -> int:
    return sum(torch.Size(shape).numel() for shape in shapes.values())

"""What a network is trained to make small, by the task. Imports torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from harness.compress.network import Network
from harness.compress.torch_training import Loss
from harness.core.models import OutputSpec, OutputType, Task
from harness.errors import ModelError
from harness.ports.compress import Batch

_FLOOR = 1e-7
"""Probabilities are kept this far from 0 before their logarithm is taken."""


def task_loss(network: Network) -> Loss:
    """The mean loss of the network's answers against the true ones; `ModelError` when the task has none that can be trained on."""
    spec = network.source.output
    if spec is None:
        raise ModelError(f"{network.source.name}: nothing says what its output means, so that it cannot be trained")

    def loss(inputs: Batch, targets: NDArray[Any]) -> torch.Tensor:
        return answer_loss(network.answer(inputs), targets, spec)

    return loss


def answer_loss(answer: torch.Tensor, targets: NDArray[Any], spec: OutputSpec) -> torch.Tensor:
    """Cross-entropy for classes, its binary form for one score or several labels, mean squared error for numbers."""
    if spec.task is Task.REGRESSION:
        return functional.mse_loss(answer.reshape(len(targets), -1), _floats(targets, answer).reshape(len(targets), -1))
    if spec.task is Task.MULTILABEL:
        return _binary(answer, _floats(targets, answer), spec)
    if spec.task in (Task.BINARY, Task.MULTICLASS):
        if answer.ndim == 1 or answer.shape[1] == 1:
            return _binary(answer.reshape(-1), _floats(targets, answer), spec)
        codes = torch.from_numpy(np.ascontiguousarray(_own_order(targets, spec), dtype=np.int64)).to(answer.device)
        return functional.nll_loss(log_probabilities(answer, spec), codes)
    raise ModelError(f"training is not supported for the task {spec.task}; train the candidate elsewhere and give it as a model")


def log_probabilities(answer: torch.Tensor, spec: OutputSpec) -> torch.Tensor:
    """(n, classes) logarithms of the probabilities that logits or probabilities stand for."""
    if spec.type is OutputType.PROBABILITIES:
        return torch.log(answer.clamp(min=_FLOOR))
    if spec.type is not OutputType.LOGITS:
        raise ModelError(f"the output is declared as {spec.type}, and classes are trained from logits or probabilities")
    return functional.log_softmax(answer, dim=1)


def _own_order(targets: NDArray[Any], spec: OutputSpec) -> NDArray[Any]:
    """Targets as columns of the model: those of a binary task come as (negative, positive)."""
    if spec.task is Task.BINARY and len(spec.labels) == 2 and spec.labels[0] == spec.positive:
        return 1 - targets
    return targets


def _binary(answer: torch.Tensor, targets: torch.Tensor, spec: OutputSpec) -> torch.Tensor:
    if spec.type is OutputType.LOGITS:
        return functional.binary_cross_entropy_with_logits(answer, targets)
    return functional.binary_cross_entropy(answer.clamp(_FLOOR, 1 - _FLOOR), targets)


def _floats(targets: NDArray[Any], answer: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(targets)).to(answer.device, answer.dtype)

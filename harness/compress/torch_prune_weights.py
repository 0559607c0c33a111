"""Single weights set to zero: those of least size, or whose removal would cost the loss least. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch.nn.utils import prune as torch_pruning_utils

from harness.compress.network import Network
from harness.compress.prune_parameters import PruneStage
from harness.compress.torch_layers import MATRICES, layers, left_alone
from harness.compress.torch_losses import task_loss
from harness.compress.torch_training import gather_lessons
from harness.errors import ModelError
from harness.ports.compress import Layer, StepContext, StepReport

_NO_GAIN = "zeros change neither the size of the file nor the speed by themselves: only packing (gzip) and sparse hardware gain from them"
_FOUR = 4
_BATCH = 8
"""Rows per gradient: few, so that what single rows ask for does not cancel out."""


def prune_weights(network: Network, stage: PruneStage, context: StepContext) -> StepReport:
    """Zeros in linear and convolutional layers. The share holds for each layer, or for all together."""
    matrices = layers(network.module, MATRICES, stage.exclude)
    chosen = {name: layer for name, layer in matrices.items() if stage.unit != "2:4" or layer.get_parameter("weight").shape[1] >= _FOUR}
    if not chosen:
        what = "of four inputs or more that is not excluded" if matrices else "that is not excluded"
        raise ModelError(f"prune: the network has no linear or convolutional layer {what}")
    scores = _scores(network, chosen, stage, context)
    before = _zeros(chosen)
    if stage.unit == "2:4":
        for name, layer in chosen.items():
            torch_pruning_utils.custom_from_mask(layer, "weight", two_of_four(scores[name]))  # type: ignore[no-untyped-call]  # torch ships it untyped
    elif stage.scope == "global":
        torch_pruning_utils.global_unstructured(
            [(layer, "weight") for layer in chosen.values()],
            torch_pruning_utils.L1Unstructured,
            importance_scores={(layer, "weight"): scores[name] for name, layer in chosen.items()},
            amount=stage.share,
        )
    else:
        for name, layer in chosen.items():
            torch_pruning_utils.l1_unstructured(layer, "weight", stage.share, importance_scores=scores[name])  # type: ignore[no-untyped-call]  # untyped
    for layer in chosen.values():
        torch_pruning_utils.remove(layer, "weight")  # type: ignore[no-untyped-call]  # torch ships it untyped
    notes = [_NO_GAIN]
    if _zeros(chosen) <= before:
        why = "prune: every weight that would be set to zero is zero already, so it would change nothing; ask for a larger share"
        notes.append(stage.nothing(why, changed_before=stage.stages > 1))
    done = [_layer(name, layer) for name, layer in chosen.items()]
    left = [
        replace(layer, reason="fewer than four inputs") if layer.name.removesuffix(".weight") in matrices else layer
        for layer in left_alone(network.module, chosen, "not a linear or convolutional layer, or excluded")
    ]
    return StepReport((*done, *left), tuple(notes))


def hold(network: Network) -> Callable[[], None]:
    """A function that sets every weight that is zero now back to zero."""
    masks = {name: value != 0 for name, value in network.module.named_parameters() if value.ndim > 1}

    def zeros() -> None:
        with torch.no_grad():
            for name, value in network.module.named_parameters():
                if name in masks:
                    value.mul_(masks[name])

    return zeros


def two_of_four(scores: torch.Tensor) -> torch.Tensor:
    """1 for the two largest of every four scores along the inputs, 0 for the others; a rest of fewer than four stays.

    `scores`: (outputs, inputs, …). Of a convolution each place of the kernel has fours of its own, as sparse kernels have it
    (Mishra et al. 2021, arXiv:2104.08378).
    """
    rows = scores.movedim(1, -1)
    whole = rows.shape[-1] - rows.shape[-1] % _FOUR
    mask = torch.ones_like(rows)
    groups = rows[..., :whole].reshape(*rows.shape[:-1], -1, _FOUR)
    smallest = groups.argsort(dim=-1, stable=True)[..., :2]
    mask[..., :whole] = torch.ones_like(groups).scatter(-1, smallest, 0.0).flatten(-2)
    return mask.movedim(-1, 1)


def _scores(network: Network, chosen: Mapping[str, torch.nn.Module], stage: PruneStage, context: StepContext) -> dict[str, torch.Tensor]:
    weights = {name: layer.get_parameter("weight") for name, layer in chosen.items()}
    if stage.by == "magnitude":
        return {name: weight.detach().abs() for name, weight in weights.items()}
    gradients(network, stage, context)
    return {name: (weight.detach() * _gradient(name, weight)).abs() for name, weight in weights.items()}


def gradients(network: Network, stage: PruneStage, context: StepContext) -> None:
    """Fill `.grad` with the root of the mean square of the loss's gradients over small batches of the rows of `gradients:`.

    Not their mean: at the end of training it is next to nothing, whatever a weight is worth. Weight times this number is the
    root of what its removal would cost, by the diagonal of the empirical Fisher information (Theis et al. 2018,
    arXiv:1801.05787; Molchanov et al. 2019, arXiv:1906.10771).
    """
    assert stage.gradients is not None
    lessons, loss_of = gather_lessons(context, stage.gradients.data, stage.gradients.rows), task_loss(network)
    network.module.eval()
    squares: dict[str, torch.Tensor] = {}
    order = torch.arange(len(lessons)).numpy()
    for inputs, targets in lessons.batches(order, _BATCH):
        network.module.zero_grad()
        loss_of(inputs, targets).backward()  # type: ignore[no-untyped-call]  # torch ships it untyped
        for name, value in network.module.named_parameters():
            if value.grad is not None:
                squares[name] = squares.get(name, torch.zeros_like(value)) + value.grad.detach() ** 2
    batches = -(-len(lessons) // _BATCH)
    for name, value in network.module.named_parameters():
        value.grad = (squares[name] / batches).sqrt() if name in squares else None


def _gradient(name: str, weight: torch.nn.Parameter) -> torch.Tensor:
    if weight.grad is None:
        raise ModelError(f"prune by gradient: weight {name!r} has no gradient; exclude it, or prune by magnitude")
    return weight.grad


def _zeros(chosen: Mapping[str, torch.nn.Module]) -> int:
    return sum(int((layer.get_parameter("weight") == 0).sum()) for layer in chosen.values())


def _layer(name: str, layer: torch.nn.Module) -> Layer:
    weight = layer.get_parameter("weight")
    zeros = float((weight == 0).float().mean())
    return Layer(f"{name}.weight", tuple(weight.shape), done=f"{zeros:.1%} of the weights are zero", facts={"sparsity": zeros})

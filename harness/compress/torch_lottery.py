"""One round of iterative magnitude pruning with rewinding. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch.nn.modules.batchnorm import _NormBase

from harness.catalogue.entrypoints import load_function
from harness.compress.lottery_parameters import LotteryRound
from harness.compress.network import Network
from harness.compress.prune_parameters import PruneStage
from harness.compress.torch_layers import MATRICES, layers
from harness.compress.torch_losses import task_loss
from harness.compress.torch_prune_weights import prune_weights
from harness.compress.torch_training import Lessons, gather_lessons, train
from harness.errors import ModelError
from harness.ports.compress import StepContext, StepReport


def play(network: Network, parameters: LotteryRound, context: StepContext) -> StepReport:
    """Prune the trained network, rewind what is left, train it.

    What the first round prunes is the network of the factory, trained whole: the given weights began elsewhere, and which of
    them are small says nothing about this initialisation.
    """
    if getattr(network.source.parameters, "factory", None) is None or network.edits:
        raise ModelError("lottery: it rewinds to the network as its factory makes it; put it first, on an original given by a factory")
    lessons = gather_lessons(context, parameters.finetune.data, parameters.finetune.rows)
    rewound = _trained(network, parameters, lessons, context, parameters.rewind)
    notes: tuple[str, ...] = ()
    if parameters.first:
        whole = _trained(network, parameters, lessons, context, parameters.finetune.epochs)
        network.module.load_state_dict(whole.module.state_dict())
        notes = (f"the whole network was trained from its initialisation (seed {context.seed}) first; the given weights play no part",)
    stage = PruneStage.model_construct(unit="weight", scope="global", share=parameters.share, exclude=parameters.exclude)
    report = prune_weights(network, stage, context)
    chosen = layers(network.module, MATRICES, parameters.exclude)
    mask = {f"{name}.weight": layer.get_parameter("weight") != 0 for name, layer in chosen.items()}
    _return(network.module, rewound.module)
    hold = _holding(network.module, mask)
    hold()
    table = train(network, lessons, parameters.finetune, task_loss(network), context, after=hold)
    return StepReport(report.layers, (*notes, *report.notes), table)


def _trained(network: Network, parameters: LotteryRound, lessons: Lessons, context: StepContext, epochs: int) -> Network:
    """The whole network after so many epochs of its first training, which begins as the factory makes it from the seed.

    The same in each round: nothing but the seed, the rows and the schedule decides it.
    """
    torch.manual_seed(context.seed)
    given: Any = network.source.parameters
    module: torch.nn.Module = load_function(given.factory, network.root)(**given.kwargs)
    with torch.no_grad():
        kept = dict(_constants(network.module))
        for name, value in _constants(module):
            value.copy_(kept[name])
    fresh = Network(module, network.source, network.rows, network.root)
    if epochs:
        folder = context.checkpoint / f"whole-{epochs}"
        train(fresh, lessons, parameters.finetune, task_loss(fresh), replace(context, checkpoint=folder), until=epochs)
    return fresh


def _return(module: torch.nn.Module, early: torch.nn.Module) -> None:
    """Parameters and the running statistics of normalisations as they were; other buffers belong to the data, and stay."""
    kept = {name for name, _ in _constants(module)}
    module.load_state_dict({**early.state_dict(), **{name: value for name, value in module.state_dict().items() if name in kept}})


def _constants(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Buffers that are no running statistics of a normalisation."""
    for prefix, layer in module.named_modules():
        if not isinstance(layer, _NormBase):
            yield from layer.named_buffers(prefix, recurse=False)


def _holding(module: torch.nn.Module, mask: Mapping[str, torch.Tensor]) -> Callable[[], None]:
    """A function that sets the weights that are gone to zero; one that is zero for another reason may grow."""

    def zeros() -> None:
        with torch.no_grad():
            for name, kept in mask.items():
                module.get_parameter(name).mul_(kept)

    return zeros

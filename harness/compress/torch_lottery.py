"""One round of iterative magnitude pruning with rewinding. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from harness.catalogue.entrypoints import load_function
from harness.compress.lottery_parameters import LotteryRound
from harness.compress.network import Network
from harness.compress.prune_parameters import PruneStage
from harness.compress.torch_losses import task_loss
from harness.compress.torch_prune_weights import hold, prune_weights
from harness.compress.torch_training import Lessons, gather_lessons, train
from harness.errors import ModelError
from harness.ports.compress import StepContext, StepReport


def play(network: Network, parameters: LotteryRound, context: StepContext) -> StepReport:
    """Prune the trained network, rewind what is left, train it."""
    stage = PruneStage.model_construct(unit="weight", scope="global", share=parameters.share, exclude=parameters.exclude)
    report = prune_weights(network, stage, context)
    mask = {name: value != 0 for name, value in network.module.named_parameters() if value.ndim > 1}
    lessons = gather_lessons(context, parameters.finetune.data, parameters.finetune.rows)
    network.module.load_state_dict(_rewound(network, parameters, lessons, context))
    with torch.no_grad():
        for name, value in network.module.named_parameters():
            if name in mask:
                value.mul_(mask[name])
    table = train(network, lessons, parameters.finetune, task_loss(network), context, after=hold(network))
    return StepReport(report.layers, report.notes, table)


def _rewound(network: Network, parameters: LotteryRound, lessons: Lessons, context: StepContext) -> Mapping[str, torch.Tensor]:
    """The state the whole network had early: as its factory makes it from the seed, then trained for `rewind` epochs."""
    reference, kwargs = getattr(network.source.parameters, "factory", None), getattr(network.source.parameters, "kwargs", {})
    if reference is None or network.edits:
        raise ModelError("lottery: it rewinds to the network as its factory makes it; put it first, on an original given by a factory")
    torch.manual_seed(context.seed)
    fresh = Network(load_function(reference, network.root)(**kwargs), network.source, network.rows, network.root)
    if parameters.rewind:
        settings = parameters.finetune.model_copy(update={"epochs": parameters.rewind})
        train(fresh, lessons, settings, task_loss(fresh), replace(context, checkpoint=context.checkpoint / "rewind"))
    return fresh.module.state_dict()

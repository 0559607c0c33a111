"""One stage of pruning a torch network, and the training after it. Imports torch."""

from __future__ import annotations

from harness.compress.network import Network
from harness.compress.prune_parameters import PruneStage
from harness.compress.torch_layers import refuse_not_finite
from harness.compress.torch_losses import task_loss
from harness.compress.torch_prune_blocks import prune_blocks
from harness.compress.torch_prune_channels import prune_channels
from harness.compress.torch_prune_heads import prune_heads
from harness.compress.torch_prune_weights import hold, prune_weights
from harness.compress.torch_training import gather_lessons, train
from harness.ports.compress import StepContext, StepReport


def prune(network: Network, stage: PruneStage, context: StepContext) -> StepReport:
    """Take away what `stage` says and train on; `ModelError` when nothing could be taken away."""
    refuse_not_finite(network.module, "prune")
    report = _pruned(network, stage, context)
    if stage.finetune is None:
        return report
    settings = stage.finetune
    lessons = gather_lessons(context, settings.data, settings.rows)
    zeros = hold(network) if stage.unit in ("weight", "2:4") else (lambda: None)
    table = train(network, lessons, settings, task_loss(network), context, after=zeros)
    return StepReport(report.layers, report.notes, (*report.table, *table))


def _pruned(network: Network, stage: PruneStage, context: StepContext) -> StepReport:
    match stage.unit:
        case "weight" | "2:4":
            return prune_weights(network, stage, context)
        case "channel":
            return prune_channels(network, stage, context)
        case "head":
            return prune_heads(network, stage)
        case "block":
            seen = stage.calibrate
            return prune_blocks(network, stage, context.feed(seen.data, seen.rows) if seen else ())

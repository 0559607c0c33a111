"""The technique `quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.compress import graph
from harness.compress.choice import refuse_nothing_done
from harness.compress.parameters import QuantizeParameters, QuantizeStage
from harness.compress.quantizer import quantizer
from harness.compress.technique import OneStage
from harness.ports.compress import Form, Rows, StepContext, StepReport, StopRule


class Quantize(OneStage):
    """8-bit arithmetic (dynamic, static, pt2e, qat) or few-bit storage (weights)."""

    works_on = "torch (exported), ONNX; pt2e, qat, finetune and torchao torch"
    needs = "the weights; calibration rows for static, pt2e and gptq; rows with answers for qat and finetune"

    def forms(self, parameters: QuantizeParameters) -> tuple[Form, ...]:
        """See `Technique.forms`: torch's own quantizer, and whatever trains, works on the network and writes an ONNX graph."""
        if parameters.engine == "torchao":
            return ("torch to program",)
        return ("torch to onnx",) if parameters.mode in ("pt2e", "qat") or parameters.finetune else ("onnx",)

    def data(self, parameters: QuantizeParameters) -> tuple[Rows, ...]:
        """The rows of `calibrate:`, and those a schedule is observed on."""
        rows = parameters.calibrate
        return (*((Rows(rows.data, "calibrate", rows.rows),) if rows else ()), *parameters.rows)

    def stages(self, parameters: QuantizeParameters) -> tuple[QuantizeParameters, ...]:
        """See `Technique.stages`: one per number of bits."""
        if len(parameters.widths) == 1:
            return (parameters,)
        # A network keeps its unrounded weights; a graph has only what the stage before left.
        rounded = parameters.finetune is None
        return tuple(
            QuantizeStage.model_construct(**{**dict(parameters), "bits": bits}, again=rounded and place > 0)
            for place, bits in enumerate(parameters.widths)
        )

    def stop_rule(self, parameters: QuantizeParameters) -> StopRule | None:
        """See `Technique.stop_rule`."""
        return parameters.rule

    def apply(self, source: Path, target: Path, parameters: QuantizeParameters, context: StepContext) -> StepReport:
        """Write the quantized model; `ModelError` when nothing was quantized, for bad weights, rows or names."""
        step = f"quantize ({parameters.mode})"
        model = graph.tidy(graph.read(source))
        graph.refuse_not_finite(model, step)
        graph.excluded_nodes(model, parameters.exclude)
        ready = quantizer(model, parameters, context)
        made = ready.quantize(graph.excluded_nodes(ready.model, parameters.exclude))
        refuse_nothing_done(made.layers, step, "quantized")
        graph.write(made.model, target)
        return StepReport(tuple(ready.measure(made.layers, made.model)), made.notes)

    def lower(self, network: Any, target: Path, parameters: QuantizeParameters, context: StepContext) -> StepReport:
        """See `Technique.lower`: the modes pt2e and qat, and weights that are trained while they are rounded."""
        if parameters.engine == "torchao":
            from harness.compress import torch_ao  # noqa: PLC0415  # imports torch and torchao

            return torch_ao.quantize(network, target, parameters)
        if parameters.mode == "weights":
            from harness.compress import torch_rounding  # noqa: PLC0415  # imports torch

            return torch_rounding.quantize(network, target, parameters, context)
        from harness.compress import torch_pt2e  # noqa: PLC0415  # imports torch

        rows = parameters.calibrate
        calibration = list(context.feed(rows.data, rows.rows)) if rows else []
        return torch_pt2e.quantize(network, target, calibration, parameters.finetune, parameters.exclude, context)

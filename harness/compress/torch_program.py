"""Networks as exported torch programs (.pt2), proved on real rows to answer alike. Imports torch."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from harness.arrays.two_of_four import has_pattern
from harness.compress import facts
from harness.compress.export_parameters import TOLERANCE, ExportParameters
from harness.compress.network import Network
from harness.compress.torch_call import one_answer
from harness.compress.torch_difference import first_difference, program_values
from harness.compress.torch_export import first_cause, free_axes, quiet, told_axes
from harness.compress.torch_layers import left_alone
from harness.errors import ModelError
from harness.ports.compress import Batch, Layer, StepReport

_TYPES = {"fp16": torch.float16, "bf16": torch.bfloat16}


def export(network: Network, target: Path, parameters: ExportParameters) -> StepReport:
    """Write the network to `target`, in 16 bits where that is asked for.

    `ModelError` when torch cannot export it, the program answers otherwise, or no layer has the pattern that
    `semi_structured` promises.
    """
    if parameters.semi_structured and not _patterned(network.module):
        raise ModelError(
            "export: semi_structured is asked for, and no linear layer has two zeros in every four weights; put "
            "prune: {unit: 2:4} before it"
        )
    if parameters.dtype == "fp32":
        return StepReport(notes=write(network, target, parameters.tolerance))
    half = narrowed(network, _TYPES[parameters.dtype])
    layers = [_cast(name, value, dict(half.module.named_parameters())[name]) for name, value in network.weights()]
    notes = write(half, target, parameters.tolerance)
    return StepReport((*layers, *left_alone(network.module, [layer.name for layer in layers], "no floating-point weight")), notes)


def _patterned(module: torch.nn.Module) -> list[str]:
    linear = ((name, layer) for name, layer in module.named_modules() if isinstance(layer, torch.nn.Linear))
    return [name for name, layer in linear if has_pattern(layer.weight.detach().numpy())]


def _cast(name: str, before: torch.Tensor, after: torch.Tensor) -> Layer:
    found = facts.found(before.detach().numpy(), after.detach().float().numpy(), 16)
    return Layer(name, tuple(before.shape), done=str(after.dtype).removeprefix("torch."), facts=found)


def narrowed(network: Network, dtype: torch.dtype, device: torch.device | None = None) -> Network:
    """A copy that computes in 16 bits and takes and gives what the original does."""
    module = copy.deepcopy(network.module).eval().to(dtype=dtype, device=device)

    def cast(value: Any) -> Any:
        return value.to(dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value

    def widen(value: Any) -> Any:
        return value.float() if isinstance(value, torch.Tensor) and value.is_floating_point() else value

    module.register_forward_pre_hook(lambda _, given, named: (pytree.tree_map(cast, given), pytree.tree_map(cast, named)), with_kwargs=True)
    module.register_forward_hook(lambda _, __, made: pytree.tree_map(widen, made))
    return _Narrowed(network, module, device or torch.device("cpu"))


class _Narrowed(Network):
    """A network whose inputs stay of the types that the original takes."""

    def __init__(self, original: Network, module: torch.nn.Module, device: torch.device) -> None:
        super().__init__(module, original.source, original.rows, original.root)
        self._original = original
        self._device = device

    def tensors(self, batch: Batch) -> dict[str, torch.Tensor]:
        """See `Network.tensors`; on the device of the module."""
        return {name: value.to(self._device) for name, value in self._original.tensors(batch).items()}


def write(network: Network, target: Path, tolerance: float = TOLERANCE) -> tuple[str, ...]:
    """Write the network with a free batch size, and the same free axes as an ONNX graph has; returns notes.

    `ModelError` when torch cannot export it, or the program answers otherwise.
    """
    free = free_axes(network)
    dims: dict[str, torch.export.Dim] = {axis: torch.export.Dim(axis, min=1) for axes in free.values() for axis in axes.values()}
    shapes = {name: {place: dims[axis] for place, axis in axes.items()} for name, axes in free.items()}
    given = network.positional(network.example)
    try:
        with quiet():
            if isinstance(given, tuple):
                program = torch.export.export(network.module.eval(), given, dynamic_shapes=tuple(shapes.values()))
            else:
                program = torch.export.export(network.module.eval(), (), dict(given), dynamic_shapes=shapes)
            torch.export.save(program, target)
    except Exception as error:
        raise ModelError(f"{network.source.name}: torch cannot export the model: {first_cause(error)}") from error
    rows, difference = _verify(network, program.module(), tolerance)
    return (f"exported by torch {torch.__version__}, {told_axes(free)}", f"largest difference on {rows} rows: {difference:.1e}")


def _verify(network: Network, made: Any, tolerance: float) -> tuple[int, float]:
    """(rows compared, largest difference) between the program and the network it was made of."""
    rows, largest = 0, 0.0
    for batch in network.rows:
        expected, given = network.answers(batch)[network.answer_name or "output"], network.positional(batch)
        with torch.inference_mode():
            returned = made(*given) if isinstance(given, tuple) else made(**given)
        found = one_answer(returned, network.answer_name).float().cpu().numpy()
        difference = float(np.max(np.abs(found - expected), initial=0))
        if not difference <= tolerance * max(1.0, float(np.max(np.abs(expected), initial=0))):
            values = program_values(made, given)
            where = first_difference(network.module, partial(network.answers, batch), made.graph, values, tolerance)
            name, much = network.source.name, f"{difference:.2g}"
            raise ModelError(f"{name}: the exported program's answers differ from torch's by up to {much} on the same rows{where}")
        rows, largest = rows + len(expected), max(largest, difference)
    return rows, largest

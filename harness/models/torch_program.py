"""Exported PyTorch programs (.pt2): looked through before they are loaded, then called by input name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from harness.errors import ModelError
from harness.models.fixed_batch import Arrays, fixed_size, run_in_batches
from harness.models.torch_archive import refuse_code
from harness.models.torch_sparse import sparse_products
from harness.models.torch_values import arrays, to_tensor
from harness.ports.model import Tensor


def load_program(path: Path, device: torch.device, *, semi_structured: bool = False) -> TorchProgram:
    """The program at `path` on `device`; `ModelError` when it is none, carries code, or has no sparse products that are asked for."""
    refuse_code(path)
    try:
        program = torch.export.load(path)
        # Exported for the CPU as a rule; moving rewrites the devices baked into its graph.
        if device.type != "cpu":
            from torch.export.passes import move_to_device_pass  # noqa: PLC0415  # not there on every platform

            program = move_to_device_pass(program, device)
    except Exception as error:  # torch raises assertions, key errors and its own
        raise ModelError(f"{path} cannot be loaded as an exported program: {_first_line(error)}") from error
    return TorchProgram(program, device, semi_structured=semi_structured)


class TorchProgram:
    """An exported program, called by the names of its inputs."""

    def __init__(self, program: Any, device: torch.device, *, semi_structured: bool = False) -> None:
        self.exported = program
        self._module = program.module()
        if semi_structured:
            sparse_products(self._module, device)
        self._device = device
        positional, keywords = program.call_spec.in_spec.children()
        self._positional = positional.num_leaves
        self._keywords = tuple(keywords.context or ())
        self._inputs = _declared(program)
        self._batch = fixed_size(self._inputs)

    def inputs(self) -> tuple[Tensor, ...]:
        """What the program was exported with, in order."""
        return self._inputs

    def outputs(self) -> tuple[Tensor, ...]:
        """Their names are only known once it has answered."""
        return ()

    def predict(self, inputs: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """Answers for one batch; padded where the batch size was fixed at export."""
        return self._run(inputs) if self._batch is None else run_in_batches(inputs, self._batch, self._run)

    def _run(self, inputs: Arrays) -> Arrays:
        values = [to_tensor(inputs[tensor.name], self._device) for tensor in self._inputs]
        keywords = dict(zip(self._keywords, values[self._positional :], strict=True))
        with torch.inference_mode():
            return arrays(self._module(*values[: self._positional], **keywords))


def _declared(program: Any) -> tuple[Tensor, ...]:
    names = program.graph_signature.user_inputs
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    found: list[Tensor] = []
    for name in names:
        value = nodes[name].meta.get("val") if isinstance(name, str) else None
        if not isinstance(value, torch.Tensor):
            raise ModelError(f"input {name!r} of the exported program is not a tensor; export it with tensors only")
        shape = tuple(size if isinstance(size, int) else None for size in value.shape)
        found.append(Tensor(name, str(value.dtype).removeprefix("torch."), shape))
    return tuple(found)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0][:300]}" if text else type(error).__name__

"""PyTorch models: a factory and its weights, or an exported program.

PyTorch is imported when a model is loaded or counted, not before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from harness.arrays.footprint import Weights
from harness.errors import MissingDependencyError
from harness.models.automatic_device import automatic_device
from harness.models.files import existing
from harness.models.parameters import TorchParameters
from harness.ports.model import Model


class TorchAdapter:
    """The kind `torch`."""

    def files(self, parameters: TorchParameters, root: Path) -> tuple[Path, ...]:
        """The weights, or the program."""
        if parameters.program is not None:
            return (existing(parameters.program, root, "exported program"),)
        return tuple(existing(path, root, "weights file") for path in parameters.weight_files)

    def modules(self, parameters: TorchParameters) -> tuple[str, ...]:
        """The factory."""
        return (parameters.factory,) if parameters.factory else ()

    def distributions(self) -> tuple[str, ...]:
        """PyTorch, and torchao, whose tensors weights may be."""
        return ("torch", "torchao")

    def identity(self, parameters: TorchParameters) -> Mapping[str, str]:
        """Factory, arguments, threads and device; of `auto` also what it stands for on this machine."""
        sparse = {"semi_structured": "true"} if parameters.semi_structured else {}
        return sparse | {
            "factory": parameters.factory or "",
            "kwargs": json.dumps(parameters.kwargs, sort_keys=True, default=repr),
            "threads": str(parameters.threads),
            "device": f"auto, {automatic_device()}" if parameters.device == "auto" else parameters.device,
        }

    def load(self, parameters: TorchParameters, root: Path) -> Model:
        """The model in evaluation mode, on its device."""
        _require_torch()
        from harness.models import torch_module, torch_program  # noqa: PLC0415

        files = self.files(parameters, root)
        device = torch_module.prepared_device(parameters)
        if parameters.program is not None:
            return torch_program.load_program(files[0], device, semi_structured=parameters.semi_structured)
        module = torch_module.build(parameters, root, files)
        return torch_module.TorchModule(module, device, semi_structured=parameters.semi_structured)

    def weights(self, parameters: TorchParameters, root: Path) -> Weights | None:
        """Counts over its parameters; see `harness.models.torch_weights`."""
        _require_torch()
        from harness.models import torch_module, torch_program, torch_weights  # noqa: PLC0415

        files = self.files(parameters, root)
        device = torch_module.prepared_device(parameters)
        if parameters.program is not None:
            return torch_weights.count_weights(torch_program.load_program(files[0], device).exported)
        return torch_weights.count_weights(torch_module.build(parameters, root, files))


def _require_torch() -> None:
    try:
        import torch  # noqa: F401, PLC0415
    except ImportError as error:
        raise MissingDependencyError("torch", "torch", "running a torch model") from error

"""A torch module made by a factory of the suite's tree, with weights that are read without unpickling code."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from harness.catalogue.entrypoints import load_function
from harness.errors import ModelError
from harness.models.parameters import TorchParameters
from harness.models.torch_sparse import sparse_layers
from harness.models.torch_values import arrays, to_tensor
from harness.ports.model import Tensor


def prepared_device(parameters: TorchParameters) -> torch.device:
    """The device to run on, with threads and seed set; `ModelError` when it is not there."""
    torch.set_num_threads(parameters.threads)
    torch.manual_seed(0)
    wanted = parameters.device
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[wanted.partition(":")[0]]:
        raise ModelError(f"device {wanted!r} is not available here; write device: cpu, or auto")
    return torch.device(wanted)


def build(parameters: TorchParameters, root: Path, weights: Sequence[Path]) -> torch.nn.Module:
    """The factory's module with the weights of all files in it, in evaluation mode."""
    assert parameters.factory is not None
    module = load_function(parameters.factory, root)(**parameters.kwargs)
    if not isinstance(module, torch.nn.Module):
        raise ModelError(f"factory {parameters.factory!r} returned {type(module).__name__}; it must return a torch.nn.Module")
    _fill(module, _joined(weights), " and ".join(map(str, weights)))
    return module.eval()


def _joined(paths: Sequence[Path]) -> Mapping[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = {}
    for path in paths:
        part = _state(path)
        twice = state.keys() & part.keys()
        if twice:
            raise ModelError(f"{path} holds {min(twice)!r}, which another file of the weights holds too; keep one of them")
        state |= part
    return state


def _state(path: Path) -> Mapping[str, torch.Tensor]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file  # noqa: PLC0415  # comes with the torch extra

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # safetensors' and torch's errors have no common base
        what = "safetensors" if path.suffix == ".safetensors" else "a plain state dict"
        raise ModelError(f"{path} cannot be read as {what}; save model.state_dict() again ({_reason(error)})") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ModelError(f"{path} holds {type(state).__name__}, not a state dict of tensors; save model.state_dict()")
    return state


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _fill(module: torch.nn.Module, state: Mapping[str, torch.Tensor], path: str) -> None:
    try:
        missing, unexpected = module.load_state_dict(state, strict=False)
    except RuntimeError as error:
        detail = next((line.strip() for line in str(error).splitlines()[1:] if line.strip()), str(error))
        raise ModelError(f"{path} does not fit the factory's model: {detail}") from error
    if missing or unexpected:
        lacks = f"it lacks {_some(missing)}" if missing else ""
        extra = f"it has {_some(unexpected)}, which the model does not" if unexpected else ""
        raise ModelError(f"{path} does not fit the factory's model: {'; '.join(filter(None, (lacks, extra)))}")


def _some(keys: list[str]) -> str:
    return ", ".join(map(repr, keys[:3])) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")


class TorchModule:
    """A module. Inputs are given by the names of `forward`'s parameters; a single one may have any name.

    Floating inputs are cast to the type of the module's parameters, as data columns are mostly float64.
    """

    def __init__(self, module: torch.nn.Module, device: torch.device, *, semi_structured: bool = False) -> None:
        self._module = module.to(device)
        self._device = device
        self._floating = next((p.dtype for p in module.parameters() if p.dtype.is_floating_point), None)
        parameters = inspect.signature(module.forward).parameters.values()
        self._open = any(parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) for parameter in parameters)
        self._names = [parameter.name for parameter in parameters]
        if semi_structured:
            sparse_layers(self._module, device)

    def inputs(self) -> tuple[Tensor, ...]:
        """A module cannot tell types and shapes."""
        return ()

    def outputs(self) -> tuple[Tensor, ...]:
        """Known only once it has answered."""
        return ()

    def predict(self, inputs: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """Answers for one batch."""
        tensors = {name: self._tensor(array) for name, array in inputs.items()}
        with torch.inference_mode():
            if len(tensors) == 1 and not tensors.keys() <= set(self._names):
                return arrays(self._module(*tensors.values()))
            if not self._open and (unknown := tensors.keys() - set(self._names)):
                names = ", ".join(map(repr, self._names))
                raise ModelError(f"forward has no parameter {min(unknown)!r}; name the inputs after its parameters: {names}")
            return arrays(self._module(**tensors))

    def _tensor(self, array: NDArray[Any]) -> torch.Tensor:
        tensor = to_tensor(array, self._device)
        return tensor.to(self._floating) if tensor.dtype.is_floating_point and self._floating is not None else tensor
